// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const incorrectKey = "The key ID in the request does not identify a CMK that can perform this operation."

func TestEncryptAndDecrypt(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/a", id)
	plaintext, context := []byte(strings.Repeat("p", 4096)), map[string]string{"a": "1", "b": "2"}
	sealed, err := w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: new("alias/a"), Plaintext: plaintext, EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	if *sealed.KeyId != arn("key/"+id) || sealed.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("got %s, %s", *sealed.KeyId, sealed.EncryptionAlgorithm)
	}
	w.Restart()
	for _, key := range []*string{nil, &id, new(arn("key/" + id)), new("alias/a")} {
		got, err := w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context, KeyId: key})
		if err != nil {
			t.Fatal(err)
		}
		about := must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id})).KeyMetadata
		if !bytes.Equal(got.Plaintext, plaintext) || *got.KeyId != *about.Arn || *got.KeyMaterialId != *about.CurrentKeyMaterialId ||
			got.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
			t.Errorf("got %+v", got)
		}
	}
	for name, context := range map[string]map[string]string{
		"no context": nil, "less": {"a": "1"}, "more": {"a": "1", "b": "2", "c": "3"},
		"another case": {"A": "1", "b": "2"}, "shifted": {"a": "", "1b": "2"},
	} {
		_, err := w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context})
		t.Run(name, func(t *testing.T) { wantError(t, err, "InvalidCiphertextException", "") })
	}
}

func TestEncryptRefuses(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	signing := w.key(t, awskms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY"})
	pair := w.key(t, awskms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"})
	x := []byte("x")
	for name, c := range map[string]struct {
		in            awskms.EncryptInput
		code, message string
	}{
		"a signing key": {
			awskms.EncryptInput{KeyId: &signing, Plaintext: x},
			"InvalidKeyUsageException",
			arn("key/"+signing) + " key usage is SIGN_VERIFY which is not valid for Encrypt.",
		},
		"RSA without an algorithm": {
			awskms.EncryptInput{KeyId: &pair, Plaintext: x}, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
		},
		"an RSA algorithm with another key": {
			awskms.EncryptInput{KeyId: &id, Plaintext: x, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"},
			"InvalidKeyUsageException",
			"Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.",
		},
		"RSA with a context": {
			awskms.EncryptInput{KeyId: &pair, Plaintext: x, EncryptionAlgorithm: "RSAES_OAEP_SHA_1", EncryptionContext: map[string]string{"a": "b"}},
			"ValidationException", "An encryption context is not supported with the algorithm RSAES_OAEP_SHA_1.",
		},
		"too much for SHA-1": {
			awskms.EncryptInput{KeyId: &pair, Plaintext: make([]byte, 215), EncryptionAlgorithm: "RSAES_OAEP_SHA_1"},
			"ValidationException",
			"Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes.",
		},
		"too much for SHA-256": {
			awskms.EncryptInput{KeyId: &pair, Plaintext: make([]byte, 191), EncryptionAlgorithm: "RSAES_OAEP_SHA_256"},
			"ValidationException",
			"Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
		},
		"too much": {
			awskms.EncryptInput{KeyId: &id, Plaintext: make([]byte, 4097)},
			"ValidationException",
			"1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
		},
		"a grant token": {
			awskms.EncryptInput{KeyId: &id, Plaintext: x, GrantTokens: []string{"t"}}, "InvalidGrantTokenException", "The grant token is not valid.",
		},
		"a dry run": {
			awskms.EncryptInput{KeyId: &id, Plaintext: x, DryRun: new(true)},
			"DryRunOperationException",
			"The request would have succeeded, but the DryRun option is set.",
		},
	} {
		_, err := w.Encrypt(t.Context(), &c.in)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
}

func TestDecryptRefuses(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id, other := w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})
	mac := w.key(t, awskms.CreateKeyInput{KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC"})
	blob := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})).CiphertextBlob
	ignore := []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}
	for name, c := range map[string]struct {
		in            awskms.DecryptInput
		code, message string
	}{
		"junk":                    {awskms.DecryptInput{CiphertextBlob: []byte("junk")}, "InvalidCiphertextException", ""},
		"junk with a key":         {awskms.DecryptInput{CiphertextBlob: []byte("junk"), KeyId: &id}, "InvalidCiphertextException", ""},
		"one byte less":           {awskms.DecryptInput{CiphertextBlob: blob[:len(blob)-1]}, "InvalidCiphertextException", ""},
		"nothing":                 {awskms.DecryptInput{KeyId: &id}, "ValidationException", "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"},
		"another key":             {awskms.DecryptInput{CiphertextBlob: blob, KeyId: &other}, "IncorrectKeyException", incorrectKey},
		"a key of another use":    {awskms.DecryptInput{CiphertextBlob: blob, KeyId: &mac}, "IncorrectKeyException", incorrectKey},
		"a key that is not there": {awskms.DecryptInput{CiphertextBlob: blob, KeyId: new(stranger)}, "NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		"an algorithm of RSA": {
			awskms.DecryptInput{CiphertextBlob: blob, KeyId: &id, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"},
			"InvalidKeyUsageException",
			"Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
		},
		"RSA without a key": {
			awskms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"},
			"ValidationException",
			"KeyId is required to decrypt with an asymmetric encryption algorithm.",
		},
		"attestation": {
			awskms.DecryptInput{CiphertextBlob: blob, Recipient: &types.RecipientInfo{AttestationDocument: []byte("x"), KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256"}},
			"UnsupportedOperationException", "This server does not verify attestation documents, so it takes no Recipient.",
		},
		"a dry run":                      {awskms.DecryptInput{CiphertextBlob: blob, DryRun: new(true)}, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
		"a dry run of junk":              {awskms.DecryptInput{CiphertextBlob: blob[1:], DryRun: new(true)}, "InvalidCiphertextException", ""},
		"a dry run without a ciphertext": {awskms.DecryptInput{KeyId: &id, DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
		"a dry run that ignores one":     {awskms.DecryptInput{CiphertextBlob: blob, DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
		"a dry run of nothing":           {awskms.DecryptInput{DryRun: new(true), DryRunModifiers: ignore}, "ValidationException", "KeyId is required when the ciphertext is ignored."},
		"a modifier alone":               {awskms.DecryptInput{CiphertextBlob: blob, DryRunModifiers: ignore}, "ValidationException", "DryRunModifiers can be set only when DryRun is true."},
		"a grant token":                  {awskms.DecryptInput{CiphertextBlob: blob, GrantTokens: []string{"t"}}, "InvalidGrantTokenException", "The grant token is not valid."},
	} {
		_, err := w.Decrypt(t.Context(), &c.in)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
}

// TestDecryptElsewhere holds that a ciphertext is of no use where its key is not, nor
// to those who may not use the key: neither learns more than the other.
func TestDecryptElsewhere(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	in := &awskms.DecryptInput{CiphertextBlob: must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})).CiphertextBlob}
	const nowhere = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."

	_, err := awskms.NewFromConfig(w.ConfigIn("us-east-2", w.Root)).Decrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", nowhere)
	_, err = awskms.NewFromConfig(w.Config(w.UserIn("210987654321", "ada", servicetest.Allow("*", "*")))).Decrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", nowhere)

	bob := w.as("bob", servicetest.Allow("*", "kms:Encrypt"))
	_, err = bob.Decrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", denied("bob", "kms:Decrypt", arn("key/"+id)))
	in.KeyId = &id
	_, err = bob.Decrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", denied("bob", "kms:Decrypt", arn("key/"+id)))
	missing := bytes.Clone(in.CiphertextBlob)
	missing[2] ^= 1
	_, err = bob.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: missing})
	if wantError(t, err, "AccessDeniedException", ""); err != nil && !strings.HasSuffix(err.Error(), "because no identity-based policy allows the kms:Decrypt action") {
		t.Errorf("got %v", err)
	}
}

func TestRSA(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"})
	for _, algorithm := range []types.EncryptionAlgorithmSpec{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"} {
		sealed, err := w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), EncryptionAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed.CiphertextBlob) != 2048/8 || sealed.EncryptionAlgorithm != algorithm {
			t.Errorf("%d bytes by %s", len(sealed.CiphertextBlob), sealed.EncryptionAlgorithm)
		}
		got, err := w.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: &id, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm: algorithm})
		if err != nil || string(got.Plaintext) != "x" || got.EncryptionAlgorithm != algorithm || got.KeyMaterialId != nil {
			t.Errorf("%s: %+v, %v", algorithm, got, err)
		}
		_, err = w.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: &id, CiphertextBlob: sealed.CiphertextBlob})
		wantError(t, err, "IncorrectKeyException", incorrectKey)
		sealed.CiphertextBlob[100] ^= 1
		_, err = w.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: &id, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm: algorithm})
		wantError(t, err, "InvalidCiphertextException", "")
	}
}

func TestGenerateDataKey(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	pair := w.key(t, awskms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"})
	context := map[string]string{"a": "b"}
	for _, c := range []struct {
		spec  types.DataKeySpec
		bytes *int32
		want  int
	}{{"AES_128", nil, 16}, {"AES_256", nil, 32}, {"", new(int32(1)), 1}, {"", new(int32(1024)), 1024}} {
		with, err := w.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: c.spec, NumberOfBytes: c.bytes, EncryptionContext: context})
		if err != nil {
			t.Fatal(err)
		}
		if len(with.Plaintext) != c.want || *with.KeyId != arn("key/"+id) || len(*with.KeyMaterialId) != 64 {
			t.Errorf("got %d bytes under %s", len(with.Plaintext), *with.KeyId)
		}
		got, err := w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: with.CiphertextBlob, EncryptionContext: context})
		if err != nil || !bytes.Equal(got.Plaintext, with.Plaintext) {
			t.Errorf("decrypts to another key: %v", err)
		}
		without, err := w.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: &id, KeySpec: c.spec, NumberOfBytes: c.bytes, EncryptionContext: context,
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err = w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: without.CiphertextBlob, EncryptionContext: context})
		if err != nil || len(got.Plaintext) != c.want || bytes.Equal(got.Plaintext, make([]byte, max(c.want, 8))) || *without.KeyMaterialId != *with.KeyMaterialId {
			t.Errorf("without plaintext: %d bytes, %v", len(got.Plaintext), err)
		}
	}
	for name, c := range map[string]struct {
		in            awskms.GenerateDataKeyInput
		code, message string
	}{
		"no length":   {awskms.GenerateDataKeyInput{KeyId: &id}, "ValidationException", "Please specify either number of bytes or key spec."},
		"two lengths": {awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256", NumberOfBytes: new(int32(1))}, "ValidationException", "Please specify either number of bytes or key spec."},
		"too long": {
			awskms.GenerateDataKeyInput{KeyId: &id, NumberOfBytes: new(int32(1025))},
			"ValidationException",
			"1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
		},
		"an RSA key": {awskms.GenerateDataKeyInput{KeyId: &pair, KeySpec: "AES_256"}, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."},
		"a dry run":  {awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256", DryRun: new(true)}, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
		"attestation": {
			awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256", Recipient: &types.RecipientInfo{AttestationDocument: []byte("x")}},
			"UnsupportedOperationException", "This server does not verify attestation documents, so it takes no Recipient.",
		},
	} {
		_, err := w.GenerateDataKey(t.Context(), &c.in)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	_, err := w.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: &id, KeySpec: "AES_256", DryRun: new(true)})
	wantError(t, err, "DryRunOperationException", "")
}

// state sets a key's state, which no operation does yet.
func (w world) state(t *testing.T, id, state string) {
	t.Helper()
	if _, err := w.Store.Update(t.Context(), func(tx kv.Tx) error {
		key := "kms/key/" + kv.Key(servicetest.Account, servicetest.Region, id)
		data, err := tx.Get(key)
		if err != nil {
			return err
		}
		i := bytes.Index(data, []byte(`"State":"`)) + len(`"State":"`)
		j := i + bytes.IndexByte(data[i:], '"')
		return tx.Put(key, append(append(bytes.Clone(data[:i]), state...), data[j:]...))
	}); err != nil {
		t.Fatal(err)
	}
}

// TestKeyStates holds the KMS Developer Guide's table "Key states of AWS KMS keys".
func TestKeyStates(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	blob := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})).CiphertextBlob
	for state, want := range map[string]struct{ code, message, alias string }{
		"Disabled":        {"DisabledException", arn("key/"+id) + " is disabled.", ""},
		"PendingDeletion": {"KMSInvalidStateException", arn("key/"+id) + " is pending deletion.", "KMSInvalidStateException"},
		"PendingImport":   {"KMSInvalidStateException", arn("key/"+id) + " is pending import.", "KMSInvalidStateException"},
	} {
		w.state(t, id, state)
		for name, call := range map[string]func(context.Context) error{
			"Encrypt": func(ctx context.Context) error {
				_, err := w.Encrypt(ctx, &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
				return err
			},
			"Decrypt": func(ctx context.Context) error {
				_, err := w.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: blob})
				return err
			},
			"GenerateDataKey": func(ctx context.Context) error {
				_, err := w.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256"})
				return err
			},
			"GenerateDataKeyWithoutPlaintext": func(ctx context.Context) error {
				_, err := w.GenerateDataKeyWithoutPlaintext(ctx, &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: &id, KeySpec: "AES_256", DryRun: new(true)})
				return err
			},
		} {
			err := call(t.Context())
			t.Run(state+" "+name, func(t *testing.T) { wantError(t, err, want.code, want.message) })
		}
		if got := must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id})).KeyMetadata; string(got.KeyState) != state || got.Enabled {
			t.Errorf("%s: described as %s, enabled %v", state, got.KeyState, got.Enabled)
		}
		_, err := w.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: new("alias/" + state), TargetKeyId: &id})
		if want.alias == "" && err != nil {
			t.Errorf("%s: an alias: %v", state, err)
		} else if want.alias != "" {
			wantError(t, err, want.alias, want.message)
		}
	}
}

// TestAudit holds what CloudTrail shows of KMS: the key, the encryption context, and
// never a plaintext.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	const canary = "canary-in-the-plaintext"
	blob := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte(canary), EncryptionContext: map[string]string{"who": "ada"}})).CiphertextBlob
	must(w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"who": "ada"}}))
	for _, r := range w.Records() {
		line := string(r.Line)
		if strings.Contains(line, canary) {
			t.Errorf("the log has the plaintext: %s", line)
		}
		if !slices.ContainsFunc(r.Resources, func(x audit.Resource) bool { return x.ARN == arn("key/"+id) && x.Type == "AWS::KMS::Key" }) {
			t.Errorf("%s names %+v", r.EventName, r.Resources)
		}
		if r.EventName != "CreateKey" && !strings.Contains(line, `"encryptionContext":{"who":"ada"}`) {
			t.Errorf("%s: %s", r.EventName, line)
		}
	}
}
