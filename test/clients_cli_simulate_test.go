// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// simulatorSteps ask what policies would decide: those of the commands, and those of the
// role that rotating makes.
var simulatorSteps = []step{
	{command: `echo '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:Get*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}}'`, save: "POLICY"},
	{command: `aws iam get-context-keys-for-custom-policy --policy-input-list "$POLICY" --query ContextKeyNames --output text`, want: "aws:PrincipalTag/team"},
	{command: `aws iam simulate-custom-policy --policy-input-list "$POLICY" --action-names ssm:GetParameter ssm:PutParameter --context-entries ContextKeyName=aws:PrincipalTag/team,ContextKeyValues=blue,ContextKeyType=string --query 'EvaluationResults[].[EvalActionName,EvalDecision]' --output text`, want: "ssm:GetParameter\tallowed\nssm:PutParameter\timplicitDeny"},
	{command: `aws iam simulate-custom-policy --policy-input-list "$POLICY" --action-names ssm:GetParameter --query 'EvaluationResults[].[EvalDecision,MissingContextValues[0]]' --output text`, want: "implicitDeny\taws:PrincipalTag/team"},
	{command: `aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::000000000000:role/rotator --action-names secretsmanager:GetSecretValue kms:Encrypt --query 'EvaluationResults[].[EvalDecision,MatchedStatements[0].SourcePolicyId]' --output text`, want: "allowed\trole_rotator_rotate\nimplicitDeny\tNone"},
	{command: `aws iam get-context-keys-for-principal-policy --policy-source-arn arn:aws:iam::000000000000:role/rotator --policy-input-list "$POLICY" --query ContextKeyNames --output text`, want: "aws:PrincipalTag/team"},
	{command: `aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::000000000000:role/none --action-names kms:Encrypt`, fails: "NoSuchEntity"},
}
