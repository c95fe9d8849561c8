// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// The messages are AWS's as people have recorded them.
func TestMessages(t *testing.T) {
	t.Parallel()
	const policy = `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`
	for name, test := range map[string]struct {
		in   any
		want string
	}{
		"a missing member": {
			&secretsmanager.GetSecretValueInput{},
			"1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null",
		},
		"too short": {
			&secretsmanager.GetSecretValueInput{SecretId: new("")},
			"1 validation error detected: Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		"too long": {
			&secretsmanager.GetSecretValueInput{SecretId: new("a"), VersionId: new(strings.Repeat("v", 65))},
			"1 validation error detected: Value '" + strings.Repeat("v", 65) + "' at 'versionId' failed to satisfy constraint: Member must have length less than or equal to 64",
		},
		"an empty secret": {
			&secretsmanager.CreateSecretInput{Name: new("a"), SecretString: secret.NewText("")},
			"1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		"a secret that is too long": {
			&secretsmanager.CreateSecretInput{Name: new("a"), SecretBinary: secret.NewBlob(make([]byte, 65537))},
			"1 validation error detected: Value at 'secretBinary' failed to satisfy constraint: Member must have length less than or equal to 65536",
		},
		"a pattern": {
			&kms.CreateAliasInput{AliasName: new("alias/a b"), TargetKeyId: new("k")},
			"1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
		},
		"an enumeration in a list of structures": {
			&secretsmanager.ListSecretsInput{Filters: []secretsmanager.Filter{{Key: new("name")}, {Key: new("color")}}},
			"1 validation error detected: Value 'color' at 'filters.2.member.key' failed to satisfy constraint: Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]",
		},
		"a value": {
			&ssm.GetParametersByPathInput{Path: new("/"), MaxResults: new(int32(11))},
			"1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10",
		},
		"a list that is too long": {
			&ssm.GetParametersInput{Names: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}},
			"1 validation error detected: Value '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10",
		},
		"a list with a wrong element": {
			&ssm.GetParametersInput{Names: []string{"a", ""}},
			"1 validation error detected: Value '[a, ]' at 'names' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1]",
		},
		"a list with an unknown value": {
			&kms.CreateGrantInput{KeyId: new("k"), GranteePrincipal: new("p"), Operations: []string{"Decrypt", "Explode"}},
			"1 validation error detected: Value '[Decrypt, Explode]' at 'operations' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, Sign, Verify, GetPublicKey, CreateGrant, RetireGrant, DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateMac, VerifyMac, DeriveSharedSecret]]",
		},
		"an empty blob": {
			&kms.DecryptInput{CiphertextBlob: []byte{}},
			"1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		"a missing secret": {
			&ssm.PutParameterInput{Name: new("a")},
			"1 validation error detected: Value at 'value' failed to satisfy constraint: Member must not be null",
		},
		"several, with the pattern before the length": {
			&sts.AssumeRoleInput{RoleArn: new(""), RoleSessionName: new("a")},
			"3 validation errors detected: Value '' at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: " + policy +
				"; Value '' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20" +
				"; Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
		},
		"a member of a structure": {
			&secretsmanager.RotateSecretInput{SecretId: new("a"), RotationRules: &secretsmanager.RotationRulesType{AutomaticallyAfterDays: new(int64(0))}},
			"1 validation error detected: Value '0' at 'rotationRules.automaticallyAfterDays' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := api.Validate(test.in)
			if err == nil {
				t.Fatal("was accepted")
			}
			if diff := cmp.Diff(test.want, err.Message); diff != "" || err.Code != "ValidationException" {
				t.Errorf("%s (-want +got):\n%s", err.Code, diff)
			}
		})
	}
}

// A pattern is Java's, and must match the whole value, whether it has anchors or not.
func TestPatternsMatchTheWholeValue(t *testing.T) {
	t.Parallel()
	valid := func(in any) bool { return api.Validate(in) == nil }
	for policy, ok := range map[string]bool{"default": true, "a b": false, " a": false, "a ": false, "a\n": false} {
		if valid(&kms.GetKeyPolicyInput{KeyId: new("k"), PolicyName: new(policy)}) != ok {
			t.Errorf("the policy name %q is taken for the opposite", policy)
		}
	}
	for policy, ok := range map[string]bool{"{\n}": true, "\u00ff": true, "\u0100": false, "\x00": false} {
		if valid(&kms.PutKeyPolicyInput{KeyId: new("k"), Policy: new(policy)}) != ok {
			t.Errorf("the policy %q is taken for the opposite", policy)
		}
	}
	for key, ok := range map[string]bool{"Name": true, "tag:a": true, "tag:": false, "Names": false, "aName": false} {
		in := &ssm.DescribeParametersInput{ParameterFilters: []ssm.ParameterStringFilter{{Key: new(key)}}}
		if valid(in) != ok {
			t.Errorf("the filter %q is taken for the opposite", key)
		}
	}
}

func TestLengthsCountCodePoints(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		strings.Repeat("😀", 64): true, strings.Repeat("😀", 65): false,
		strings.Repeat("e\u0301", 32): true, strings.Repeat("e\u0301", 33): false,
	} {
		err := api.Validate(&secretsmanager.PutSecretValueInput{SecretId: new("a"), ClientRequestToken: new(text)})
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", len(text), err != nil)
		}
	}
	long := secret.NewText(strings.Repeat("é", 65536))
	if err := api.Validate(&secretsmanager.PutSecretValueInput{SecretId: new("a"), SecretString: long}); err != nil {
		t.Errorf("a secret of 65536 characters: %v", err)
	}
}

func TestValidRequests(t *testing.T) {
	t.Parallel()
	for _, in := range []any{
		&secretsmanager.GetSecretValueInput{SecretId: new("prod/db"), VersionStage: new("AWSCURRENT")},
		&secretsmanager.ListSecretsInput{Filters: []secretsmanager.Filter{}},
		&kms.ListKeysInput{Limit: new(int32(1000))},
		&kms.EncryptInput{KeyId: new("k"), Plaintext: secret.NewBlob(make([]byte, 4096)), EncryptionContext: map[string]string{"": ""}},
		&ssm.PutParameterInput{Name: new("/a"), Value: secret.NewText(""), Type: new(ssm.ParameterTypeSecureString)},
		&sts.GetCallerIdentityInput{},
	} {
		if err := api.Validate(in); err != nil {
			t.Errorf("%T: %v", in, err)
		}
	}
}

func TestQueryServicesSayValidationError(t *testing.T) {
	t.Parallel()
	if err := sts.Service.Validate(new(sts.AssumeRoleInput)); err.Code != "ValidationError" {
		t.Errorf("answered %v", err)
	}
	if err := kms.Service.Validate(new(kms.EncryptInput)); err.Code != "ValidationException" {
		t.Errorf("answered %v", err)
	}
	if err := kms.Service.Validate(new(kms.ListKeysInput)); err != nil {
		t.Errorf("answered %v", err)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	tags := make([]secretsmanager.Tag, 10_000)
	for i := range tags {
		tags[i].Key = new("")
	}
	err := api.Validate(&secretsmanager.TagResourceInput{SecretId: new("a"), Tags: tags})
	if err == nil || !strings.HasPrefix(err.Message, "25 validation errors detected: ") {
		t.Errorf("answered %.100v", err)
	}
	err = api.Validate(&secretsmanager.GetSecretValueInput{SecretId: new(strings.Repeat("é", 1<<20))})
	if err == nil || len(err.Message) > 5000 || !strings.Contains(err.Message, "é...' at 'secretId'") {
		t.Errorf("answered %d bytes", len(err.Message))
	}
}

// No model has a constrained map in a request yet, so the test brings its own.
func TestMapConstraints(t *testing.T) {
	t.Parallel()
	type request struct {
		Context map[string]string `json:"Context,omitzero" aws:"len=..2" key:"len=1..3" value:"pattern=[a-z]+"`
	}
	for want, context := range map[string]map[string]string{
		"": {"abc": "x"},
		"1 validation error detected: Value '{=x, b=y}' at 'context' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to 1]": {"": "x", "b": "y"},
		"1 validation error detected: Value '{a=1}' at 'context' failed to satisfy constraint: Map value must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+]":                                                 {"a": "1"},
		"1 validation error detected: Value '{a=x, b=y, c=z}' at 'context' failed to satisfy constraint: Member must have length less than or equal to 2":                                                                                   {"a": "x", "b": "y", "c": "z"},
	} {
		got := ""
		if err := api.Validate(&request{context}); err != nil {
			got = err.Message
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestValidateAllocatesNothingOnSuccess(t *testing.T) {
	in := &secretsmanager.GetSecretValueInput{SecretId: new("prod/db"), VersionStage: new("AWSCURRENT")}
	if n := testing.AllocsPerRun(100, func() { _ = api.Validate(in) }); n > 0 {
		t.Errorf("allocated %v times", n)
	}
}
