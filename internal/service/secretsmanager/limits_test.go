// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/coffer-secrets/coffer/internal/limits"
)

func TestSecretsHaveAQuota(t *testing.T) {
	t.Parallel()
	w := newLimited(t, limits.Limits{Quotas: limits.Quotas{Secrets: 2}})
	w.create("a", canary)
	w.create("b", canary)
	refused := func(when string) {
		t.Helper()
		_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("c"), SecretString: new(canary)})
		if got := fault(err); got != "LimitExceededException: The request failed because it would exceed one of the Secrets Manager quotas." {
			t.Errorf("%s: %s", when, got)
		}
	}
	refused("a third")
	if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("a")}); err != nil {
		t.Fatal(err)
	}
	refused("while one is to be deleted")
	w.put("b", canary)
	if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("b"), ForceDeleteWithoutRecovery: new(true)}); err != nil {
		t.Fatal(err)
	}
	w.create("c", canary)
}

// What is longer than AWS takes goes in and out where the server is told so, up to that
// length, and by every operation that takes a value.
func TestSecretsMayBeMadeLarger(t *testing.T) {
	t.Parallel()
	const largest = limits.MaxSecretSize
	w := newLimited(t, limits.Limits{SecretSize: largest})
	text := strings.Repeat("\u00e9", largest/2) // two bytes each
	w.create("text", text)
	if got, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("text")}); err != nil || *got.SecretString != text {
		t.Errorf("the text came back as something else, %v", err)
	}
	blob := bytes.Repeat([]byte{0xff}, largest)
	if _, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("text"), SecretBinary: blob}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("text")}); err != nil || !bytes.Equal(got.SecretBinary, blob) {
		t.Errorf("the bytes came back as something else, %v", err)
	}
	if _, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("text"), SecretString: &text}); err != nil {
		t.Error(err)
	}

	const tooLong = "Member must have length less than or equal to 524288"
	_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("more"), SecretString: new(text + "!")})
	if got := fault(err); !strings.HasSuffix(got, tooLong) {
		t.Errorf("one byte more: %.200s", got)
	}
	_, err = w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("text"), SecretBinary: append(blob, 0)})
	if got := fault(err); !strings.HasSuffix(got, tooLong) {
		t.Errorf("one byte more: %.200s", got)
	}
	for what, in := range map[string]secretsmanager.CreateSecretInput{
		"no value":       {Name: new("x"), SecretString: new("")},
		"no name either": {Name: new(""), SecretString: &text},
	} {
		if _, err := w.CreateSecret(w.ctx, &in); !strings.HasPrefix(fault(err), "ValidationException: 1 validation error detected: Value ") {
			t.Errorf("%s: %.200s", what, fault(err))
		}
	}
}

func TestSecretsAreOfAWSsSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("most", strings.Repeat("a", limits.SecretSize))
	_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("more"), SecretString: new(strings.Repeat("a", limits.SecretSize+1))})
	if got := fault(err); !strings.HasSuffix(got, "Member must have length less than or equal to 65536") {
		t.Errorf("one byte more: %s", got)
	}
}
