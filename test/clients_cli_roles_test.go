// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// roleSteps are a role's life.
var roleSteps = []step{
	{command: `echo '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}' > $DIR/trust.json`},
	{command: `aws iam create-role --role-name cli-app --path /cli/ --assume-role-policy-document file://$DIR/trust.json --max-session-duration 7200 --tags Key=team,Value=data --query Role.Arn --output text`, want: "arn:aws:iam::000000000000:role/cli/cli-app"},
	{command: `aws iam create-role --role-name CLI-APP --assume-role-policy-document file://$DIR/trust.json`, fails: "EntityAlreadyExists"},
	{command: `aws iam create-role --role-name cli-none --assume-role-policy-document '{"Statement":{}}'`, fails: "MalformedPolicyDocument"},
	{command: `aws iam get-role --role-name cli-app --query 'Role.[MaxSessionDuration,AssumeRolePolicyDocument.Statement.Principal.AWS,Tags[0].Value]' --output text`, want: "7200\t000000000000\tdata"},
	{command: `aws iam list-roles --path-prefix /cli/ --query 'Roles[].RoleName' --output text`, want: "cli-app"},
	{command: `aws iam update-role --role-name cli-app --max-session-duration 3600 --description first`},
	{command: `aws iam update-role-description --role-name cli-app --description second --query Role.Description --output text`, want: "second"},
	{command: `sed s/000000000000/111122223333/ $DIR/trust.json > $DIR/other.json`},
	{command: `aws iam update-assume-role-policy --role-name cli-app --policy-document file://$DIR/other.json`},
	{command: `aws iam list-instance-profiles-for-role --role-name cli-app --query 'length(InstanceProfiles)'`, want: "0"},
	{command: `aws iam delete-role --role-name cli-app`},
	{command: `aws iam get-role --role-name cli-app`, fails: "NoSuchEntity"},
}

// providerSteps are an OpenID Connect provider's life.
var providerSteps = []step{
	{command: `aws iam create-open-id-connect-provider --url https://token.example.com/cli --client-id-list one --thumbprint-list 6938FD4D98BAB03FAADB97B34396831E3780AEA1 --tags Key=team,Value=data --query OpenIDConnectProviderArn --output text`, save: "ARN"},
	{command: `aws iam create-open-id-connect-provider --url https://token.example.com/cli`, fails: "EntityAlreadyExists"},
	{command: `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn $ARN --client-id two`},
	{command: `aws iam remove-client-id-from-open-id-connect-provider --open-id-connect-provider-arn $ARN --client-id one`},
	{command: `aws iam get-open-id-connect-provider --open-id-connect-provider-arn $ARN --query '[Url,ClientIDList[0],ThumbprintList[0]]' --output text`, want: "token.example.com/cli\ttwo\t6938fd4d98bab03faadb97b34396831e3780aea1"},
	{command: `aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn $ARN --thumbprint-list 0000000000000000000000000000000000000000`},
	{command: `aws iam tag-open-id-connect-provider --open-id-connect-provider-arn $ARN --tags Key=stage,Value=prod`},
	{command: `aws iam untag-open-id-connect-provider --open-id-connect-provider-arn $ARN --tag-keys team`},
	{command: `aws iam list-open-id-connect-provider-tags --open-id-connect-provider-arn $ARN --query 'Tags[].[Key,Value]' --output text`, want: "stage\tprod"},
	{command: `aws iam list-open-id-connect-providers --query "OpenIDConnectProviderList[?Arn=='$ARN'] | length(@)"`, want: "1"},
	{command: `aws iam delete-open-id-connect-provider --open-id-connect-provider-arn $ARN`},
	{command: `aws iam get-open-id-connect-provider --open-id-connect-provider-arn $ARN`, fails: "NoSuchEntity"},
}

// tagSteps are the tags of a role, a user and a policy.
var tagSteps = []step{
	{command: `aws iam create-role --role-name cli-tagged --assume-role-policy-document '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'`},
	{command: `aws iam tag-role --role-name cli-tagged --tags Key=Team,Value=data Key=stage,Value=prod`},
	{command: `aws iam tag-role --role-name cli-tagged --tags Key=team,Value=orders`},
	{command: `aws iam untag-role --role-name cli-tagged --tag-keys STAGE`},
	{command: `aws iam list-role-tags --role-name cli-tagged --query 'Tags[].[Key,Value]' --output text`, want: "team\torders"},
	{command: `aws iam tag-role --role-name cli-tagged --tags Key=aws:team,Value=data`, fails: "InvalidInput"},
	{command: `aws iam delete-role --role-name cli-tagged`},
	{command: `aws iam create-user --user-name cli-tagged --tags Key=team,Value=data`},
	{command: `aws iam tag-user --user-name cli-tagged --tags Key=stage,Value=prod`},
	{command: `aws iam untag-user --user-name cli-tagged --tag-keys team`},
	{command: `aws iam list-user-tags --user-name cli-tagged --query 'Tags[].[Key,Value]' --output text`, want: "stage\tprod"},
	{command: `aws iam delete-user --user-name cli-tagged`},
	{command: `aws iam create-policy --policy-name cli-tagged --tags Key=team,Value=data --query Policy.Arn --output text --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'`, save: "ARN"},
	{command: `aws iam tag-policy --policy-arn $ARN --tags Key=Team,Value=orders`},
	{command: `aws iam untag-policy --policy-arn $ARN --tag-keys team`},
	{command: `aws iam list-policy-tags --policy-arn $ARN --query 'Tags[].[Key,Value]' --output text`, want: "Team\torders"},
	{command: `aws iam delete-policy --policy-arn $ARN`},
}

// accountSteps are about what the account has once, and what its users have none of.
var accountSteps = []step{
	{command: `aws iam create-account-alias --account-alias cli-alias`},
	{command: `aws iam create-account-alias --account-alias cli-alias`, fails: "EntityAlreadyExists"},
	{command: `aws iam list-account-aliases --query AccountAliases --output text`, want: "cli-alias"},
	{command: `aws iam delete-account-alias --account-alias cli-other`, fails: "NoSuchEntity"},
	{command: `aws iam delete-account-alias --account-alias cli-alias`},
	{command: `aws iam get-account-summary --query 'SummaryMap.[RolesQuota,AccountAccessKeysPresent,MFADevices]' --output text`, want: "1000\t1\t0"},
	{command: `aws iam get-account-authorization-details --filter Role --query 'length(UserDetailList)'`, want: "0"},
	{command: `aws iam list-virtual-mfa-devices --query 'length(VirtualMFADevices)'`, want: "0"},
	{command: `aws iam list-mfa-devices --query 'length(MFADevices)'`, want: "0"},
	{command: `aws iam list-ssh-public-keys --query 'length(SSHPublicKeys)'`, want: "0"},
	{command: `aws iam list-signing-certificates --query 'length(Certificates)'`, want: "0"},
	{command: `aws iam list-service-specific-credentials --query 'length(ServiceSpecificCredentials)'`, want: "0"},
	{command: `aws iam get-login-profile --user-name nobody`, fails: "NoSuchEntity"},
	{command: `aws iam delete-login-profile --user-name nobody`, fails: "NoSuchEntity"},
}
