// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	goSecret    = "every/operation"
	goParameter = "/every/operation"
	goFunction  = "arn:aws:lambda:us-east-1:000000000000:function:rotate"
	goReplica   = "eu-west-3"
)

// goPolicy allows the account to do that.
func goPolicy(action, resource string) *string {
	return new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},` +
		`"Action":"` + action + `","Resource":"` + resource + `"}]}`)
}

// goReplicated waits until the secret's replicas are there.
func goReplicated(ctx context.Context, sm *secretsmanager.Client) error {
	for {
		out, err := sm.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new(goSecret)})
		if err != nil || !slices.ContainsFunc(out.ReplicationStatus, func(r smtypes.ReplicationStatusType) bool { return r.Status == smtypes.StatusTypeInProgress }) {
			return err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// goSecretCalls are calls of every operation of Secrets Manager.
var goSecretCalls = []goCall{
	{"secretsmanager:CreateSecret", func(ctx context.Context, w *goWorld) error {
		out, err := w.sm.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new(goSecret), SecretString: new("1")})
		if err == nil {
			w.version = out.VersionId
		}
		return err
	}},
	{"secretsmanager:PutSecretValue", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: new(goSecret), SecretString: new("2")})
		return err
	}},
	{"secretsmanager:UpdateSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: new(goSecret), Description: new("described")})
		return err
	}},
	{"secretsmanager:GetSecretValue", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new(goSecret), VersionId: w.version})
		return err
	}},
	{"secretsmanager:BatchGetSecretValue", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{goSecret}})
		return err
	}},
	{"secretsmanager:DescribeSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:ListSecrets", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
		return err
	}},
	{"secretsmanager:ListSecretVersionIds", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:UpdateSecretVersionStage", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: new(goSecret), VersionStage: new("OLD"), MoveToVersionId: w.version,
		})
		return err
	}},
	{"secretsmanager:TagResource", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.TagResource(ctx, &secretsmanager.TagResourceInput{
			SecretId: new(goSecret), Tags: []smtypes.Tag{{Key: new("team"), Value: new("data")}},
		})
		return err
	}},
	{"secretsmanager:UntagResource", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: new(goSecret), TagKeys: []string{"team"}})
		return err
	}},
	{"secretsmanager:ValidateResourcePolicy", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: goPolicy("secretsmanager:GetSecretValue", "*")})
		return err
	}},
	{"secretsmanager:PutResourcePolicy", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
			SecretId: new(goSecret), ResourcePolicy: goPolicy("secretsmanager:GetSecretValue", "*"), BlockPublicPolicy: new(true),
		})
		return err
	}},
	{"secretsmanager:GetResourcePolicy", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:DeleteResourcePolicy", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:RotateSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
			SecretId: new(goSecret), RotationLambdaARN: new(goFunction), RotateImmediately: new(false),
			RotationRules: &smtypes.RotationRulesType{AutomaticallyAfterDays: new(int64(30))},
		})
		return err
	}},
	{"secretsmanager:CancelRotateSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:ReplicateSecretToRegions", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: new(goSecret), AddReplicaRegions: []smtypes.ReplicaRegionType{{Region: new(goReplica)}, {Region: new("eu-north-1")}},
		})
		return err
	}},
	{"secretsmanager:StopReplicationToReplica", func(ctx context.Context, w *goWorld) error {
		if err := goReplicated(ctx, w.sm); err != nil {
			return err
		}
		_, err := w.sm.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: new(goSecret)},
			func(o *secretsmanager.Options) { o.Region = goReplica })
		return err
	}},
	{"secretsmanager:RemoveRegionsFromReplication", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
			SecretId: new(goSecret), RemoveReplicaRegions: []string{"eu-north-1"},
		})
		return err
	}},
	{"secretsmanager:GetRandomPassword", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{})
		return err
	}},
	{"secretsmanager:DeleteSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: new(goSecret)})
		return err
	}},
	{"secretsmanager:RestoreSecret", func(ctx context.Context, w *goWorld) error {
		_, err := w.sm.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: new(goSecret)})
		return err
	}},
}

// goParameterCalls are calls of every operation of Parameter Store.
var goParameterCalls = []goCall{
	{"ssm:PutParameter", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.PutParameter(ctx, &ssm.PutParameterInput{
			Name: new(goParameter), Value: new("1"), Type: ssmtypes.ParameterTypeString, Tier: ssmtypes.ParameterTierAdvanced,
		})
		return err
	}},
	{"ssm:GetParameter", func(ctx context.Context, w *goWorld) error {
		out, err := w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(goParameter)})
		if err == nil {
			w.parameter = out.Parameter.ARN
		}
		return err
	}},
	{"ssm:GetParameters", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{goParameter}})
		return err
	}},
	{"ssm:GetParametersByPath", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: new("/every")})
		return err
	}},
	{"ssm:GetParameterHistory", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: new(goParameter)})
		return err
	}},
	{"ssm:DescribeParameters", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{})
		return err
	}},
	{"ssm:LabelParameterVersion", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: new(goParameter), Labels: []string{"prod"}})
		return err
	}},
	{"ssm:UnlabelParameterVersion", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{
			Name: new(goParameter), ParameterVersion: new(int64(1)), Labels: []string{"prod"},
		})
		return err
	}},
	{"ssm:AddTagsToResource", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
			ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: new(goParameter), Tags: []ssmtypes.Tag{{Key: new("team"), Value: new("data")}},
		})
		return err
	}},
	{"ssm:ListTagsForResource", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
			ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: new(goParameter),
		})
		return err
	}},
	{"ssm:RemoveTagsFromResource", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
			ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: new(goParameter), TagKeys: []string{"team"},
		})
		return err
	}},
	{"ssm:PutResourcePolicy", func(ctx context.Context, w *goWorld) (err error) {
		w.policy, err = w.ssm.PutResourcePolicy(ctx, &ssm.PutResourcePolicyInput{
			ResourceArn: w.parameter, Policy: goPolicy("ssm:GetParameter", *w.parameter),
		})
		return err
	}},
	{"ssm:GetResourcePolicies", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.GetResourcePolicies(ctx, &ssm.GetResourcePoliciesInput{ResourceArn: w.parameter})
		return err
	}},
	{"ssm:DeleteResourcePolicy", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.DeleteResourcePolicy(ctx, &ssm.DeleteResourcePolicyInput{
			ResourceArn: w.parameter, PolicyId: w.policy.PolicyId, PolicyHash: w.policy.PolicyHash,
		})
		return err
	}},
	{"ssm:DeleteParameter", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new(goParameter)})
		return err
	}},
	{"ssm:DeleteParameters", func(ctx context.Context, w *goWorld) error {
		_, err := w.ssm.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{goParameter}})
		return err
	}},
}
