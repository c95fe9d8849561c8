// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// as is a shell function that makes the commands after it those of the credentials that
// a JSON file has, as STS and IAM answer them.
const as = `as() {
  for pair in AccessKeyId=AWS_ACCESS_KEY_ID SecretAccessKey=AWS_SECRET_ACCESS_KEY SessionToken=AWS_SESSION_TOKEN; do
    export "${pair#*=}=$(sed -n "s/^ *\"${pair%=*}\": \"\(.*\)\".*/\1/p" $DIR/$1)"
  done
  test -n "$AWS_SESSION_TOKEN" || unset AWS_SESSION_TOKEN
}`

// sessionSteps make each kind of temporary credentials, and use them.
var sessionSteps = []step{
	{command: "cat > $DIR/as <<'END'\n" + as + "\nEND"},
	{command: `aws iam create-user --user-name cli-caller --query User.Arn --output text`, save: "CALLER"},
	{command: `aws iam create-access-key --user-name cli-caller --query AccessKey > $DIR/caller`},
	{command: `echo '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"'$CALLER'"},"Action":["sts:AssumeRole","sts:TagSession"]}}' > $DIR/trust.json`},
	{command: `aws iam create-role --role-name cli-session --assume-role-policy-document file://$DIR/trust.json --query Role.Arn --output text`, save: "ROLE"},
	{command: `aws sts assume-role --role-arn $ROLE --role-session-name s1`, fails: "AccessDenied"},
	{command: `. $DIR/as; as caller; aws sts assume-role --role-arn $ROLE --role-session-name s1 --tags Key=team,Value=data --transitive-tag-keys team --query Credentials > $DIR/session`},
	{command: `. $DIR/as; as session; aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:sts::000000000000:assumed-role/cli-session/s1"},
	{command: `. $DIR/as; as session; aws sts get-session-token`, fails: "AccessDenied"},
	{command: `. $DIR/as; as caller; aws sts assume-role --role-arn $ROLE --role-session-name s1 --duration-seconds 7200`, fails: "ValidationError"},
	{command: `. $DIR/as; as caller; aws sts get-session-token --duration-seconds 900 --query Credentials > $DIR/own`},
	{command: `. $DIR/as; as own; aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:iam::000000000000:user/cli-caller"},
	{command: `. $DIR/as; as own; aws iam get-user`, fails: "InvalidClientTokenId"},
	{command: `echo '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"}}' > $DIR/session.json`},
	{command: `aws sts get-federation-token --name bob --policy file://$DIR/session.json --query Credentials > $DIR/federated`},
	{command: `. $DIR/as; as federated; aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:sts::000000000000:federated-user/bob"},
	{command: `. $DIR/as; as federated; aws secretsmanager list-secrets --query 'length(SecretList) >= ` + "`0`" + `'`, want: "true"},
	{command: `. $DIR/as; as federated; aws secretsmanager get-random-password`, fails: "AccessDeniedException"},
	{command: `aws sts get-access-key-info --access-key-id $(sed -n 's/.*"AccessKeyId": "\(.*\)".*/\1/p' $DIR/session) --query Account --output text`, want: "000000000000"},
	{command: `aws sts get-access-key-info --access-key-id AKIAUNKNOWNUNKNOWN00`, fails: "ValidationError"},
	{command: `. $DIR/as; as caller; aws secretsmanager get-secret-value --secret-id cli-denied --debug 2>&1 | sed -n "s/.*X-Coffer-Authorization-Message': '\([^']*\)'.*/\1/p" | head -n 1`, save: "MESSAGE"},
	{command: `aws sts decode-authorization-message --encoded-message $MESSAGE --query DecodedMessage --output text | grep -o '"action":"[^"]*"'`, want: `"action":"secretsmanager:GetSecretValue"`},
	{command: `. $DIR/as; as caller; aws sts decode-authorization-message --encoded-message $MESSAGE`, fails: "AccessDenied"},
	{command: `aws sts decode-authorization-message --encoded-message x$MESSAGE`, fails: "InvalidAuthorizationMessageException"},
}
