// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// failures are calls that AWS refuses, with its answers. They run on a server where
// "db" has two versions, "empty" none, and "going" waits for its deletion.
var failures = map[string]struct {
	call func(w *world) error
	want string
}{
	"create a name that exists": {func(w *world) error { return w.tryCreate("db", "x", nil) }, "ResourceExistsException: The operation failed because the secret db already exists."},
	"create a name that waits for its deletion": {
		func(w *world) error { return w.tryCreate("going", "x", nil) },
		"InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion.",
	},
	"create with a space in the name": {func(w *world) error { return w.tryCreate("a b", "x", nil) }, badName},
	"create with an ARN as the name":  {func(w *world) error { return w.tryCreate(arnPrefix+"x", "x", nil) }, badName},
	"create with another token's value": {
		func(w *world) error {
			_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), ClientRequestToken: new(token(1)), SecretString: new("other")})
			return err
		},
		"ResourceExistsException: You can't use ClientRequestToken " + token(1) + " because that value is already in use for a version of secret DB.",
	},
	"create with two values": {
		func(w *world) error {
			_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("x"), SecretString: new("a"), SecretBinary: []byte("b")})
			return err
		},
		"InvalidParameterException: You can't specify both a binary secret value and a string secret value in the same secret.",
	},
	"create with a value that is too long in bytes": {
		func(w *world) error { return w.tryCreate("x", strings.Repeat("é", 40000), nil) },
		"ValidationException: 1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
	},
	"create with a KMS key that is not there": {
		func(w *world) error {
			return w.tryCreate("x", "x", new("alias/nobody"))
		},
		"EncryptionFailure: Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.",
	},
	"get a secret that is not there": {func(w *world) error { return w.tryGet("nobody", "", "") }, notFound},
	"get by a name that is none":     {func(w *world) error { return w.tryGet("no body", "", "") }, badName},
	"get by an ARN that is none":     {func(w *world) error { return w.tryGet("arn:aws:secretsmanager", "", "") }, badName},
	"get by another service's ARN":   {func(w *world) error { return w.tryGet("arn:aws:s3:::bucket/key", "", "") }, badName},
	"get by another account's ARN": {
		func(w *world) error {
			return w.tryGet("arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-AbCdEf", "", "")
		}, elsewhere("GetSecretValue"),
	},
	"get by another region's ARN": {
		func(w *world) error {
			return w.tryGet(strings.Replace(arnPrefix, "eu-west-1", "us-east-1", 1)+"db", "", "")
		}, notFound,
	},
	"get by an ARN with another suffix": {func(w *world) error { return w.tryGet(arnPrefix+"db-000000", "", "") }, notFound},
	"get what waits for its deletion":   {func(w *world) error { return w.tryGet("going", "", "") }, markedFor},
	"get a secret without a value": {
		func(w *world) error { return w.tryGet("empty", "", "") },
		"ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
	},
	"get a label that nothing has": {
		func(w *world) error { return w.tryGet("db", "", "AWSPENDING") },
		"ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
	},
	"get a version that is not there": {
		func(w *world) error { return w.tryGet("db", token(9), "") },
		"ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: " + token(9),
	},
	"get a version by another one's label": {
		func(w *world) error { return w.tryGet("db", token(1), "AWSCURRENT") },
		"InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.",
	},
	"put without a value": {
		func(w *world) error {
			_, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db")})
			return err
		},
		"InvalidRequestException: You must provide either SecretString or SecretBinary.",
	},
	"put into what is not there":           {func(w *world) error { return w.tryPut("nobody", token(9), "x") }, notFound},
	"put into what waits for its deletion": {func(w *world) error { return w.tryPut("going", token(9), "x") }, markedFor},
	"put another value with a known token": {
		func(w *world) error { return w.tryPut("db", token(1), "other") },
		"ResourceExistsException: You can't use ClientRequestToken " + token(1) + " because that value is already in use for a version of secret DB.",
	},
	"update what waits for its deletion": {func(w *world) error { return w.tryUpdate("going", "x") }, markedFor},
	"update what is not there":           {func(w *world) error { return w.tryUpdate("nobody", "x") }, notFound},
	"update another value with a known token": {
		func(w *world) error {
			_, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("db"), ClientRequestToken: new(token(1)), SecretString: new("other")})
			return err
		},
		"ResourceExistsException: You can't use ClientRequestToken " + token(1) + " because that value is already in use for a version of secret DB.",
	},
	"describe what is not there": {
		func(w *world) error {
			_, err := w.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: new("nobody")})
			return err
		}, notFound,
	},
	"list with a token that is none": {
		func(w *world) error {
			_, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{NextToken: new("nonsense")})
			return err
		}, badPage,
	},
	"list with an empty filter": {
		func(w *world) error {
			_, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName}}})
			return err
		},
		"InvalidParameterException: A filter must have a key and at least one value.",
	},
	"list versions with a token that is none": {
		func(w *world) error {
			_, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db"), NextToken: new("nonsense")})
			return err
		}, badPage,
	},
	"list versions of what is not there": {
		func(w *world) error {
			_, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("nobody")})
			return err
		}, notFound,
	},
	"move a label without saying from where": {
		func(w *world) error { return w.tryStage("db", "AWSCURRENT", "", token(1)) },
		"InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + token(2) +
			", so you must explicitly reference that version in RemoveFromVersionId.",
	},
	"move a label from where it is not": {
		func(w *world) error { return w.tryStage("db", "AWSCURRENT", token(1), token(1)) },
		"InvalidParameterException: When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label AWSCURRENT.",
	},
	"remove AWSCURRENT": {
		func(w *world) error { return w.tryStage("db", "AWSCURRENT", token(2), "") },
		"InvalidParameterException: You can only move staging label AWSCURRENT to a different secret version. It can\u2019t be completely removed.",
	},
	"remove a label from where it is not": {
		func(w *world) error { return w.tryStage("db", "AWSPREVIOUS", token(2), "") },
		"InvalidParameterException: Staging label AWSPREVIOUS isn't attached to version " + token(2) + ".",
	},
	"move a label nowhere": {
		func(w *world) error { return w.tryStage("db", "A", "", "") },
		"InvalidParameterException: You must specify MoveToVersionId, RemoveFromVersionId, or both.",
	},
	"move a label to a version that is not there": {
		func(w *world) error { return w.tryStage("db", "A", "", token(9)) },
		"ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: " + token(9),
	},
	"move a label of what waits for its deletion": {func(w *world) error { return w.tryStage("going", "A", "", token(1)) }, markedFor},
	"delete what is not there":                    {func(w *world) error { return w.tryDelete("nobody", nil, false) }, notFound},
	"delete twice": {
		func(w *world) error { return w.tryDelete("going", nil, false) },
		"InvalidRequestException: You can't perform this operation on the secret because it was already scheduled for deletion.",
	},
	"delete with a short window": {
		func(w *world) error { return w.tryDelete("db", new(int64(6)), false) },
		"InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
	},
	"delete with a long window": {
		func(w *world) error { return w.tryDelete("db", new(int64(31)), false) },
		"InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
	},
	"delete at once and with a window": {
		func(w *world) error { return w.tryDelete("db", new(int64(7)), true) },
		"InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
	},
	"delete another account's at once": {
		func(w *world) error {
			return w.tryDelete("arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-AbCdEf", nil, true)
		}, elsewhere("DeleteSecret"),
	},
	"restore what is not there": {
		func(w *world) error {
			_, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("nobody")})
			return err
		}, notFound,
	},
	"tag what is not there":           {func(w *world) error { return w.tryTag("nobody", "a", "b") }, notFound},
	"tag what waits for its deletion": {func(w *world) error { return w.tryTag("going", "a", "b") }, markedFor},
	"tag with a reserved key": {
		func(w *world) error { return w.tryTag("db", "AWS:x", "b") },
		"InvalidParameterException: Tag key AWS:x is reserved: you can't add tags that begin with aws:",
	},
	"tag twice with one key": {
		func(w *world) error { return w.tryTag("db", "a", "b", "a", "c") },
		"InvalidParameterException: Tag key a is there more than once.",
	},
	"untag a reserved key": {
		func(w *world) error {
			_, err := w.UntagResource(w.ctx, &secretsmanager.UntagResourceInput{SecretId: new("db"), TagKeys: []string{"aws:x"}})
			return err
		},
		"InvalidParameterException: Tag key aws:x is reserved: you can't remove tags that begin with aws:",
	},
	"a password that is too short": {
		func(w *world) error {
			_, err := w.GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(3))})
			return err
		},
		"InvalidParameterException: Password length is too short based on the required types.",
	},
	"a password of nothing": {
		func(w *world) error {
			_, err := w.GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{
				ExcludeLowercase: new(true), ExcludeUppercase: new(true), ExcludePunctuation: new(true), ExcludeCharacters: new("0123456789"),
			})
			return err
		},
		"InvalidParameterException: There are no characters left to make a password of.",
	},
}

// elsewhere is the answer about the secrets of another account that let nobody in.
func elsewhere(operation string) string {
	return "AccessDeniedException: User: arn:aws:iam::123456789012:root is not authorized to perform: secretsmanager:" + operation +
		" on resource: arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-AbCdEf because no resource-based policy allows the secretsmanager:" + operation + " action"
}

func TestWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.populate()
	before := w.Keys("sm/")
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			wantFault(t, f.call(w), strings.ReplaceAll(f.want, "secret DB.", "secret "+arn+"."))
		})
	}
	if after := w.Keys("sm/"); strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("refused calls left something behind: %v became %v", before, after)
	}
}

// populate makes the secrets that failures are about, and returns the ARN of "db".
func (w *world) populate() string {
	w.t.Helper()
	out, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), ClientRequestToken: new(token(1)), SecretString: new(canary + "1")})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.tryPut("db", token(2), canary+"2"); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("empty")}); err != nil {
		w.t.Fatal(err)
	}
	w.create("going", canary)
	if err := w.tryDelete("going", nil, false); err != nil {
		w.t.Fatal(err)
	}
	return *out.ARN
}

func (w *world) tryCreate(name, value string, key *string) error {
	_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value, KmsKeyId: key})
	return err
}

func (w *world) tryGet(id, version, stage string) error {
	_, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: optional(version), VersionStage: optional(stage)})
	return err
}

func (w *world) tryPut(id, token, value string) error {
	_, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, ClientRequestToken: &token, SecretString: &value})
	return err
}

func (w *world) tryUpdate(id, description string) error {
	_, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: &id, Description: &description})
	return err
}

func (w *world) tryStage(id, stage, from, to string) error {
	_, err := w.UpdateSecretVersionStage(w.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: &stage, RemoveFromVersionId: optional(from), MoveToVersionId: optional(to),
	})
	return err
}

func (w *world) tryDelete(id string, window *int64, force bool) error {
	_, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: &id, RecoveryWindowInDays: window, ForceDeleteWithoutRecovery: &force})
	return err
}

func (w *world) tryTag(id string, pairs ...string) error {
	_, err := w.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: &id, Tags: tags(pairs...)})
	return err
}

func tags(pairs ...string) []types.Tag {
	var out []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func TestTokensAreAskedForBeforeTheSecretIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for operation, body := range map[string]string{
		"CreateSecret": `{"Name":"x"}`, "PutSecretValue": `{"SecretId":"nobody"}`, "UpdateSecret": `{"SecretId":"nobody"}`,
	} {
		got := w.Post(w.Root, "secretsmanager."+operation, body)
		if got.Status != 400 || got.Type != "InvalidRequestException" ||
			got.Message != "You must provide a ClientRequestToken value. We recommend a UUID-type value." {
			t.Errorf("%s answered %+v", operation, got)
		}
	}
}
