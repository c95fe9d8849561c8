// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const (
	denied    = "AccessDeniedException: Access to KMS is not allowed"
	deniedOld = "AccessDeniedException: Access to KMS is not allowed. This version of secret is not encrypted with the current KMS key."
	noEncrypt = "EncryptionFailure: Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state."
	noDecrypt = "DecryptionFailure: Secrets Manager can't decrypt the protected secret text using the provided KMS key."
)

// newKey makes a customer managed key, and returns its ARN.
func (w *world) newKey() string { return w.newKeyIn(servicetest.Region) }

func (w *world) newKeyIn(region string) string {
	w.t.Helper()
	out, err := kms.NewFromConfig(w.ConfigIn(region, w.Root)).CreateKey(w.ctx, &kms.CreateKeyInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// disable switches a key off in the store.
func (w *world) disable(arn string) { w.keyState(arn, "Disabled") }

func (w *world) keyState(arn, state string) {
	w.t.Helper()
	keys := record.New[kmsservice.Key]("kms/key")
	region, _, _ := strings.Cut(strings.TrimPrefix(arn, "arn:aws:kms:"), ":")
	_, id, _ := strings.Cut(arn, "key/")
	if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error {
		key, err := keys.Get(tx, servicetest.Account, region, id)
		if err != nil {
			return err
		}
		key.State = state
		return keys.Put(tx, key, servicetest.Account, region, id)
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) useKey(id, key string) error {
	_, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: &id, KmsKeyId: &key})
	return err
}

// reads returns how GetSecretValue answers a client.
func (w *world) reads(c *secretsmanager.Client, id string) string {
	out, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return fault(err)
	}
	return *out.SecretString
}

func TestTheDefaultKeyNeedsNoPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as("ada", servicetest.Allow("*", "secretsmanager:*"))
	for _, key := range []*string{nil, new(""), new("alias/aws/secretsmanager")} {
		name := "db" + strings.ReplaceAll(optionalString(key), "/", "")
		if _, err := c.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: new(canary), KmsKeyId: key}); err != nil {
			t.Fatal(err)
		}
		if got := w.reads(c, name); got != canary {
			t.Errorf("%s: %s", name, got)
		}
		if d := w.describe(name); d.KmsKeyId != nil {
			t.Errorf("%s is described with the key %s", name, *d.KmsKeyId)
		}
	}
}

func optionalString(s *string) string {
	if s == nil {
		return "nil"
	}
	return *s
}

func TestACustomersKeyNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey()
	if err := w.tryCreate("db", canary, &key); err != nil {
		t.Fatal(err)
	}
	if d := w.describe("db"); *d.KmsKeyId != key {
		t.Errorf("described with the key %s", *d.KmsKeyId)
	}
	all := servicetest.Allow("*", "secretsmanager:*")
	stranger := w.as("stranger", all)
	reader := w.as("reader", all, servicetest.Allow(key, "kms:Decrypt"))
	writer := w.as("writer", all, servicetest.Allow(key, "kms:GenerateDataKey"))
	if got := w.reads(stranger, "db"); got != denied {
		t.Errorf("a stranger to the key reads %s", got)
	}
	if got := w.reads(reader, "db"); got != canary {
		t.Errorf("a reader reads %s", got)
	}
	put := func(c *secretsmanager.Client, id string) string {
		_, err := c.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: new(canary)})
		return fault(err)
	}
	if got := put(reader, "db"); got != denied {
		t.Errorf("a reader puts: %s", got)
	}
	if got := put(writer, "db"); got != "no error" {
		t.Errorf("a writer puts: %s", got)
	}
	// Who may not decrypt can't give a secret that key: AWS tries both.
	_, err := writer.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("x"), KmsKeyId: &key})
	wantFault(t, err, denied)
	// The repetition of a request compares the values, so it needs to decrypt, too.
	_, err = writer.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: new("db"), ClientRequestToken: new(w.versionOf("db", "AWSCURRENT")), SecretString: new(canary),
	})
	wantFault(t, err, denied)
}

func TestAKeyThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey()
	if err := w.tryCreate("db", canary, &key); err != nil {
		t.Fatal(err)
	}
	w.disable(key)
	wantFault(t, w.tryGet("db", "", ""), noDecrypt)
	wantFault(t, w.tryPut("db", token(1), "x"), noEncrypt)
	wantFault(t, w.tryCreate("other", canary, &key), noEncrypt)
	w.create("plain", canary)
	wantFault(t, w.useKey("plain", key), noEncrypt)
	if d := w.describe("plain"); d.KmsKeyId != nil || w.value("plain") != canary {
		t.Error("a refused change of the key changed something")
	}
}

func TestAnotherKeyAndTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.newKey(), w.newKey()
	if err := w.tryCreate("db", "1", &first); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"2", "3"} { // "1" is deprecated then
		w.Clock.Advance(time.Second)
		w.put("db", value)
	}
	if err := w.useKey("db", second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{first}, {second, first}, {second, first}}, w.kmsKeys("db")); diff != "" {
		t.Errorf("keys of the versions:\n%s", diff)
	}
	all := servicetest.Allow("*", "secretsmanager:*")
	for name, key := range map[string]string{"first": first, "second": second} {
		if got := w.reads(w.as(name, all, servicetest.Allow(key, "kms:Decrypt")), "db"); got != "3" {
			t.Errorf("with the %s key: %s", name, got)
		}
	}
	w.disable(first)
	if got := w.value("db"); got != "3" {
		t.Errorf("with the first key off: %s", got)
	}
	w.Clock.Advance(time.Second)
	// Back to the default, with a value of its own: nobody needs a key any more.
	if _, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("db"), KmsKeyId: new(""), SecretString: new("4")}); err != nil {
		t.Fatal(err)
	}
	if got := w.reads(w.as("third", all), "db"); got != "4" {
		t.Errorf("with the default key: %s", got)
	}
	if got := w.kmsKeys("db"); !slices.Equal(got[3], []string{"DefaultEncryptionKey"}) || !slices.Equal(got[2], []string{"DefaultEncryptionKey", second, first}) {
		t.Errorf("keys of the versions: %v", got)
	}
}

// Who may not use the old key, or not encrypt under the new one, changes the key for
// what comes, and the versions stay as they are.
func TestVersionsThatCannotBeEncryptedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.newKey(), w.newKey()
	if err := w.tryCreate("db", canary, &first); err != nil {
		t.Fatal(err)
	}
	all := servicetest.Allow("*", "secretsmanager:*")
	c := w.as("ada", all, servicetest.Allow(second, "kms:*"))
	if _, err := c.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("db"), KmsKeyId: &second}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{first}}, w.kmsKeys("db")); diff != "" {
		t.Error(diff)
	}
	if got := w.reads(c, "db"); got != deniedOld {
		t.Errorf("without the old key: %s", got)
	}
	if got := w.value("db"); got != canary {
		t.Errorf("the root reads %s", got)
	}
}

// kmsKeys returns the keys of each version, the oldest first.
func (w *world) kmsKeys(id string) (keys [][]string) {
	w.t.Helper()
	for _, v := range w.list(id) {
		keys = append(keys, v.KmsKeyIds)
	}
	return keys
}

// Above the store's own seal, a value is under its data key, bound to its secret and
// version: a record in another's place does not open.
func TestValuesAreBoundToTheirVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary+"1")
	w.put("db", canary+"2")
	keys := w.Keys("sm/version/")
	if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error {
		var records [2][]byte
		for i, key := range keys {
			data, err := tx.Get(key)
			if err != nil {
				return err
			}
			if strings.Contains(string(data), canary) || strings.Contains(string(data), base64.StdEncoding.EncodeToString([]byte(canary))[:16]) {
				t.Errorf("%s has the plaintext", key)
			}
			records[i] = slices.Clone(data)
		}
		return errors.Join(tx.Put(keys[0], records[1]), tx.Put(keys[1], records[0]))
	}); err != nil {
		t.Fatal(err)
	}
	for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
		wantFault(t, w.tryGet("db", "", stage), noDecrypt)
	}
}
