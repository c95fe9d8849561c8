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
