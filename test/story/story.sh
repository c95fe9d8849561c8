#!/usr/bin/env bash
# The story of docs/iam.md's larger tour, told with the stock AWS CLI alone: two teams that
# are kept apart by tags, a role for each function, a boundary, a reader from another account, and
# a key whose policy locks even the administrator out. Each call that is allowed works, and each
# that is not is refused with AWS's message.
#
# It needs the root keys of two accounts of one server: ROOT and OTHER, each "<id> <secret>",
# and AWS_ENDPOINT_URL and AWS_REGION. It prints what it does, and ends at the first surprise.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

declare -A keys=([root]=$ROOT [other]=$OTHER)

# as NAME COMMAND...: runs a command with the credentials that are kept under a name.
as() {
  local id secret token
  read -r id secret token <<<"${keys[$1]}"
  shift
  AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=${token:-} AWS_DEFAULT_OUTPUT=text command "$@"
}

# may NAME WHAT COMMAND...: it works, and if WHAT is not empty it prints that.
may() {
  local name=$1 want=$2 got
  shift 2
  if ! got=$(as "$name" aws "$@" 2>&1); then
    printf '%s may not: aws %s\n%s\n' "$name" "$*" "$got" >&2
    exit 1
  fi
  if [[ -n $want && $got != "$want" ]]; then
    printf '%s, aws %s\nprints %s\nwant   %s\n' "$name" "$*" "$got" "$want" >&2
    exit 1
  fi
  printf 'may      %-16s %s %s\n' "$name" "$1" "$2"
}

# mayNot NAME MESSAGE COMMAND...: it is refused, with that at the end of the message.
mayNot() {
  local name=$1 want=$2 got
  shift 2
  if got=$(as "$name" aws "$@" 2>&1); then
    printf '%s may: aws %s\n%s\n' "$name" "$*" "$got" >&2
    exit 1
  fi
  if [[ $got != *"$want" ]]; then
    printf '%s, aws %s\nis told %s\nwant    ... %s\n' "$name" "$*" "$got" "$want" >&2
    exit 1
  fi
  printf 'may not  %-16s %s %s\n' "$name" "$1" "$2"
}

# user NAME ROOT [TAG...]: makes a user with an access key, which is kept under its name.
user() {
  local name=$1 root=$2
  shift 2
  may "$root" '' iam create-user --user-name "$name" ${1:+--tags "$@"}
  keys[$name]=$(as "$root" aws iam create-access-key --user-name "$name" --query '[AccessKey.AccessKeyId,AccessKey.SecretAccessKey]')
}

# session NAME WHO ROLE SESSION: WHO assumes a role; the credentials are kept under NAME.
session() {
  keys[$1]=$(as "$2" aws sts assume-role --role-arn "$3" --role-session-name "$4" \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]')
  printf 'session  %-16s by %s\n' "$1" "$2"
}

# account NAME: the account of the credentials under a name.
account() { as "$1" aws sts get-caller-identity --query Account; }

here=$(account root) there=$(account other)
iam=arn:aws:iam::$here secrets=arn:aws:secretsmanager:$AWS_REGION:$here

echo '== an administrator, and nothing more as root'
user admin root
may root '' iam attach-user-policy --user-name admin --policy-arn arn:aws:iam::aws:policy/AdministratorAccess

echo '== two teams, kept apart by their tags with one policy'
cat >team.json <<E2
{"Version": "2012-10-17", "Statement": [
  {"Sid": "MakeOwn", "Effect": "Allow", "Action": ["secretsmanager:CreateSecret", "secretsmanager:TagResource"], "Resource": "*",
   "Condition": {"StringEquals": {"aws:RequestTag/team": "\${aws:PrincipalTag/team}"}}},
  {"Sid": "UseOwn", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"], "Resource": "*",
   "Condition": {"StringEquals": {"aws:ResourceTag/team": "\${aws:PrincipalTag/team}"}}}
]}
E2
may admin "$iam:policy/teams/team-secrets" iam create-policy --policy-name team-secrets --path /teams/ --policy-document file://team.json --query Policy.Arn
may admin '' iam create-group --group-name developers
may admin '' iam attach-group-policy --group-name developers --policy-arn "$iam:policy/teams/team-secrets"
user ada admin Key=team,Value=orders
user bob admin Key=team,Value=payroll
may admin '' iam add-user-to-group --group-name developers --user-name ada
may admin '' iam add-user-to-group --group-name developers --user-name bob
may ada orders/db secretsmanager create-secret --name orders/db --secret-string correct-horse --tags Key=team,Value=orders --query Name
may bob payroll/db secretsmanager create-secret --name payroll/db --secret-string battery-staple --tags Key=team,Value=payroll --query Name
may ada correct-horse secretsmanager get-secret-value --secret-id orders/db --query SecretString
payroll=$(as bob aws secretsmanager describe-secret --secret-id payroll/db --query ARN)
orders=$(as ada aws secretsmanager describe-secret --secret-id orders/db --query ARN)
mayNot ada "User: $iam:user/ada is not authorized to perform: secretsmanager:GetSecretValue on resource: $payroll because no identity-based policy allows the secretsmanager:GetSecretValue action" \
  secretsmanager get-secret-value --secret-id "$payroll"
mayNot ada "because no identity-based policy allows the secretsmanager:CreateSecret action" \
  secretsmanager create-secret --name loot --secret-string x --tags Key=team,Value=payroll
mayNot ada "because no identity-based policy allows the secretsmanager:TagResource action" \
  secretsmanager tag-resource --secret-id "$orders" --tags Key=team,Value=payroll
mayNot ada "because no identity-based policy allows the iam:ListUsers action" iam list-users

echo '== a role for each function'
cat >trust.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "$iam:user/ada"}, "Action": "sts:AssumeRole",
  "Condition": {"StringLike": {"sts:RoleSessionName": "orders-*"}}}}
E2
cat >read.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "$secrets:secret:orders/*"}}
E2
may admin "$iam:role/functions/orders" iam create-role --role-name orders --path /functions/ --assume-role-policy-document file://trust.json --query Role.Arn
may admin '' iam put-role-policy --role-name orders --policy-name read --policy-document file://read.json
session orders-function ada "$iam:role/functions/orders" orders-1
may orders-function correct-horse secretsmanager get-secret-value --secret-id orders/db --query SecretString
mayNot orders-function "User: arn:aws:sts::$here:assumed-role/orders/orders-1 is not authorized to perform: secretsmanager:PutSecretValue on resource: $orders because no identity-based policy allows the secretsmanager:PutSecretValue action" \
  secretsmanager put-secret-value --secret-id "$orders" --secret-string x
mayNot ada "User: $iam:user/ada is not authorized to perform: sts:AssumeRole on resource: $iam:role/functions/orders" \
  sts assume-role --role-arn "$iam:role/functions/orders" --role-session-name mine
mayNot bob "User: $iam:user/bob is not authorized to perform: sts:AssumeRole on resource: $iam:role/functions/orders" \
  sts assume-role --role-arn "$iam:role/functions/orders" --role-session-name orders-2

echo '== a lead who makes roles, which can do no more than a boundary lets them'
cat >boundary.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "$secrets:secret:orders/*"}}
E2
cat >lead.json <<E2
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:AttachRolePolicy"], "Resource": "$iam:role/lead/*",
   "Condition": {"StringEquals": {"iam:PermissionsBoundary": "$iam:policy/bound"}}},
  {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "$iam:role/lead/*"}
]}
E2
cat >account.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$here:root"}, "Action": "sts:AssumeRole"}}
E2
may admin '' iam create-policy --policy-name bound --policy-document file://boundary.json
user lena admin
may admin '' iam put-user-policy --user-name lena --policy-name lead --policy-document file://lead.json
mayNot lena "because no identity-based policy allows the iam:CreateRole action" \
  iam create-role --role-name free --path /lead/ --assume-role-policy-document file://account.json
may lena '' iam create-role --role-name bounded --path /lead/ --assume-role-policy-document file://account.json --permissions-boundary "$iam:policy/bound"
may lena '' iam attach-role-policy --role-name bounded --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
session bounded lena "$iam:role/lead/bounded" lena
may bounded correct-horse secretsmanager get-secret-value --secret-id orders/db --query SecretString
mayNot bounded "because no permissions boundary allows the secretsmanager:GetSecretValue action" secretsmanager get-secret-value --secret-id "$payroll"
mayNot bounded "because no permissions boundary allows the iam:CreateUser action" iam create-user --user-name mallory

echo '== a reader from another account'
user auditor other
cat >audit.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "kms:Decrypt"], "Resource": "*"}}
E2
cat >shared.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$there:user/auditor"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}}
E2
key=$(as admin aws kms create-key --description shared --query KeyMetadata.Arn)
cat >key.json <<E2
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$here:root"}, "Action": "kms:*", "Resource": "*"},
  {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$there:root"}, "Action": "kms:Decrypt", "Resource": "*",
   "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.$AWS_REGION.amazonaws.com"}}}
]}
E2
may other '' iam put-user-policy --user-name auditor --policy-name audit --policy-document file://audit.json
may admin '' secretsmanager create-secret --name shared/report --secret-string tr0ub4dor --kms-key-id "$key"
shared=$(as admin aws secretsmanager describe-secret --secret-id shared/report --query ARN)
mayNot auditor "because no resource-based policy allows the secretsmanager:GetSecretValue action" secretsmanager get-secret-value --secret-id "$shared"
may admin '' secretsmanager put-resource-policy --secret-id shared/report --resource-policy file://shared.json
mayNot auditor "Access to KMS is not allowed" secretsmanager get-secret-value --secret-id "$shared"
may admin '' kms put-key-policy --key-id "$key" --policy-name default --policy file://key.json
may auditor tr0ub4dor secretsmanager get-secret-value --secret-id "$shared" --query SecretString
mayNot auditor "because no resource-based policy allows the secretsmanager:GetSecretValue action" secretsmanager get-secret-value --secret-id "$orders"

echo '== a key whose policy locks even the administrator out'
user keeper admin
cat >keeper.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}
E2
cat >locked.json <<E2
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "$iam:user/keeper"}, "Action": "kms:*", "Resource": "*"}}
E2
may admin '' iam put-user-policy --user-name keeper --policy-name keep --policy-document file://keeper.json
mayNot admin "The new key policy will not allow you to update the key policy in the future." kms create-key --policy file://locked.json
locked=$(as admin aws kms create-key --policy file://locked.json --bypass-policy-lockout-safety-check --query KeyMetadata.Arn)
may keeper '' secretsmanager create-secret --name keeper/only --secret-string swordfish --kms-key-id "$locked"
may keeper swordfish secretsmanager get-secret-value --secret-id keeper/only --query SecretString
mayNot admin "User: $iam:user/admin is not authorized to perform: kms:DescribeKey on resource: $locked because no resource-based policy allows the kms:DescribeKey action" \
  kms describe-key --key-id "$locked"
mayNot admin "Access to KMS is not allowed" secretsmanager get-secret-value --secret-id keeper/only
mayNot root "because no resource-based policy allows the kms:PutKeyPolicy action" kms put-key-policy --key-id "$locked" --policy-name default --policy file://key.json

echo '== what is withdrawn is refused at once'
may admin '' iam remove-user-from-group --group-name developers --user-name bob
mayNot bob "because no identity-based policy allows the secretsmanager:GetSecretValue action" secretsmanager get-secret-value --secret-id "$payroll"
read -r id _ <<<"${keys[ada]}"
may admin '' iam update-access-key --user-name ada --access-key-id "$id" --status Inactive
mayNot ada "The security token included in the request is invalid." sts get-caller-identity
may admin '' iam delete-role-policy --role-name orders --policy-name read
mayNot orders-function "because no identity-based policy allows the secretsmanager:GetSecretValue action" secretsmanager get-secret-value --secret-id "$orders"
echo '== told'
echo "LOCKED=$locked"
echo "SHARED=$shared"
