// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// keyPolicySteps are key policies and grants.
var keyPolicySteps = []step{
	{command: `aws kms create-key --query KeyMetadata.KeyId --output text`, save: "ID"},
	{command: `aws kms list-key-policies --key-id $ID --query 'PolicyNames[]' --output text`, want: "default"},
	{command: `aws kms get-key-policy --key-id $ID --policy-name default --query Policy --output text > $DIR/policy.json`},
	{command: `aws kms put-key-policy --key-id $ID --policy-name default --policy file://$DIR/policy.json`},
	{command: `sed 's/:root/:user\/nobody/' $DIR/policy.json > $DIR/nobody.json`},
	{command: `aws kms put-key-policy --key-id $ID --policy-name default --policy file://$DIR/nobody.json`, fails: "MalformedPolicyDocumentException"},
	{command: `sed 's/kms:\*/kms:Decrypt/' $DIR/policy.json > $DIR/lockout.json`},
	{command: `aws kms put-key-policy --key-id $ID --policy-name default --policy file://$DIR/lockout.json`, fails: "MalformedPolicyDocumentException"},
	{command: `aws sts get-caller-identity --query Account --output text`, save: "ACCOUNT"},
	{command: `aws kms create-grant --key-id $ID --grantee-principal arn:aws:iam::$ACCOUNT:root --retiring-principal arn:aws:iam::$ACCOUNT:root --operations Decrypt DescribeKey --constraints EncryptionContextSubset={app=shop} --query GrantId --output text`, save: "GRANT"},
	{command: `aws kms list-grants --key-id $ID --query "Grants[?GrantId=='$GRANT'].Constraints.EncryptionContextSubset.app" --output text`, want: "shop"},
	{command: `aws kms list-retirable-grants --retiring-principal arn:aws:iam::$ACCOUNT:root --query "length(Grants[?GrantId=='$GRANT'])"`, want: "1"},
	{command: `aws kms revoke-grant --key-id $ID --grant-id $GRANT`},
	{command: `aws kms create-grant --key-id $ID --grantee-principal arn:aws:iam::$ACCOUNT:root --operations Decrypt --query GrantToken --output text`, save: "TOKEN"},
	{command: `aws kms describe-key --key-id $ID --grant-tokens $TOKEN --query KeyMetadata.KeyState --output text`, want: "Enabled"},
	{command: `aws kms retire-grant --grant-token $TOKEN`},
	{command: `aws kms retire-grant --grant-token $TOKEN`, fails: "NotFoundException"},
	{command: `aws kms list-grants --key-id $ID --query 'length(Grants)'`, want: "0"},
	{command: `aws kms put-key-policy --key-id $ID --policy-name default --policy file://$DIR/lockout.json --bypass-policy-lockout-safety-check`},
	{command: `aws kms get-key-policy --key-id $ID --policy-name default`, fails: "AccessDeniedException"},
}
