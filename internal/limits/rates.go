// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
)

// rate is how many calls a second an account may make in a region.
type rate struct {
	service   *api.Service
	perSecond int
	// operations share the rate, or have it each.
	operations []string
	each       bool
	// regions are those with another rate.
	regions map[string]int
}

// standard are AWS's default rates. What is not in it, AWS gives no figure for, or one
// that depends on more than the operation.
var standard = []rate{
	// https://docs.aws.amazon.com/general/latest/gr/ssm.html. That of PutParameter is what
	// AWS's support told: https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
	{service: ssm.Service, perSecond: 40, operations: []string{"GetParameter", "GetParameters", "GetParametersByPath"}},
	{service: ssm.Service, perSecond: 3, operations: []string{"PutParameter"}},

	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
	{service: secretsmanager.Service, perSecond: 50, operations: []string{
		"DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy", "ValidateResourcePolicy",
	}},
	{service: secretsmanager.Service, perSecond: 50, operations: []string{
		"PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions",
		"StopReplicationToReplica", "UpdateSecret", "UpdateSecretVersionStage",
	}},
	{service: secretsmanager.Service, perSecond: 50, operations: []string{"RotateSecret", "CancelRotateSecret"}},
	{service: secretsmanager.Service, perSecond: 50, operations: []string{"TagResource", "UntagResource"}},
	{service: secretsmanager.Service, perSecond: 50, each: true, operations: []string{
		"CreateSecret", "DeleteSecret", "GetRandomPassword", "ListSecretVersionIds", "RestoreSecret",
	}},
	{service: secretsmanager.Service, perSecond: 100, each: true, operations: []string{"BatchGetSecretValue", "ListSecrets"}},
	{service: secretsmanager.Service, perSecond: 10_000, operations: []string{"GetSecretValue"}},
	{service: secretsmanager.Service, perSecond: 40_000, operations: []string{"DescribeSecret"}},

	// https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html. All keys
	// that encrypt count as symmetric ones here, and all that sign as RSA's.
	{
		service: kms.Service, perSecond: 10_000,
		operations: []string{
			"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
			"GenerateMac", "GenerateRandom", "ReEncrypt", "VerifyMac",
		},
		regions: map[string]int{
			"us-east-2": 20_000, "ap-southeast-1": 20_000, "ap-southeast-2": 20_000,
			"ap-northeast-1": 20_000, "eu-central-1": 20_000, "eu-west-2": 20_000,
			"us-east-1": 100_000, "us-west-2": 100_000, "eu-west-1": 100_000,
		},
	},
	{service: kms.Service, perSecond: 1000, operations: []string{"DeriveSharedSecret", "Sign", "Verify"}},
	{service: kms.Service, perSecond: 1, each: true, operations: []string{"GetParametersForImport"}},
	{service: kms.Service, perSecond: 5, each: true, operations: []string{
		"CancelKeyDeletion", "ConnectCustomKeyStore", "CreateAlias", "CreateCustomKeyStore", "CreateKey", "DeleteCustomKeyStore",
		"DescribeCustomKeyStores", "DisableKey", "DisableKeyRotation", "DisconnectCustomKeyStore", "EnableKey", "GetKeyLastUsage",
		"ReplicateKey", "RotateKeyOnDemand", "UntagResource", "UpdateAlias", "UpdateCustomKeyStore", "UpdateKeyDescription",
		"UpdatePrimaryRegion",
	}},
	{service: kms.Service, perSecond: 10, each: true, operations: []string{"TagResource"}},
	{service: kms.Service, perSecond: 15, each: true, operations: []string{
		"DeleteAlias", "DeleteImportedKeyMaterial", "EnableKeyRotation", "ImportKeyMaterial", "PutKeyPolicy", "ScheduleKeyDeletion",
	}},
	{service: kms.Service, perSecond: 50, each: true, operations: []string{"CreateGrant", "RetireGrant", "RevokeGrant"}},
	{service: kms.Service, perSecond: 100, each: true, operations: []string{"ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListRetirableGrants"}},
	{service: kms.Service, perSecond: 500, each: true, operations: []string{"ListAliases", "ListKeys"}},
	{service: kms.Service, perSecond: 1000, each: true, operations: []string{"GetKeyPolicy", "GetKeyRotationStatus"}},
	{service: kms.Service, perSecond: 2000, each: true, operations: []string{"DescribeKey", "GetPublicKey", "ListResourceTags"}},

	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	{service: sts.Service, perSecond: 600, operations: []string{
		"AssumeRole", "DecodeAuthorizationMessage", "GetAccessKeyInfo", "GetCallerIdentity", "GetFederationToken", "GetSessionToken",
	}},
}

// higher are the rates that Parameter Store has instead when its setting
// high-throughput-enabled is on. The sources are those above.
var higher = []rate{
	{service: ssm.Service, perSecond: 10_000, operations: []string{"GetParameter"}},
	{service: ssm.Service, perSecond: 1000, operations: []string{"GetParameters"}},
	{service: ssm.Service, perSecond: 100, operations: []string{"GetParametersByPath"}},
	{service: ssm.Service, perSecond: 10, operations: []string{"PutParameter"}},
}

// refusal is what a service answers to a call too many. AWS documents the message of
// KMS, and shows that of Parameter Store:
// https://docs.aws.amazon.com/kms/latest/developerguide/throttling.html and
// https://repost.aws/knowledge-center/ssm-parameter-store-rate-exceeded
func refusal(s *api.Service) *api.Error {
	if s == kms.Service {
		return s.Throttled().New("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	}
	return s.Throttled().New("Rate exceeded")
}
