// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// maxCiphertext is what KMS decrypts, in bytes (Decrypt: CiphertextBlob).
	maxCiphertext = 6144
	// functionContext is the key of the encryption context that the Lambda console's
	// encryption helpers encrypt environment variables with. Its value is the function's
	// name.
	functionContext = "LambdaFunctionName"
)

// Decrypter is the source of values that are in their own ids, encrypted under a KMS key
// and in base64: what environment variables hold. It has one version, whose id is of the
// ciphertext. It is held for the TTL of secrets, so that a key that is disabled ends it.
type Decrypter struct {
	caller   awsjson.Caller
	function string
}

var _ source.Source = (*Decrypter)(nil)

// NewDecrypter returns a Decrypter that calls through c. What has no encryption context
// it decrypts, and what the Lambda console encrypted for the function with that name,
// unless the name is empty.
func NewDecrypter(c awsjson.Caller, function string) *Decrypter { return &Decrypter{c, function} }

// Forget drops what the Caller holds, if that can be told to.
func (d *Decrypter) Forget() { forget(d.caller) }

// Fetch implements cache.Source. The id is the ciphertext, without the source's name.
func (d *Decrypter) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	blob, err := base64.StdEncoding.DecodeString(ref.ID)
	switch {
	case err != nil:
		return cache.Value{}, api.ValidationException.New("What follows kms: is not base64.")
	case len(blob) == 0 || len(blob) > maxCiphertext:
		return cache.Value{}, api.ValidationException.Newf("A ciphertext has 1 to %d bytes.", maxCiphertext)
	}
	digest := sha256.Sum256(blob)
	version := hex.EncodeToString(digest[:16])
	if ref.VersionID != "" && ref.VersionID != version || ref.Stage != "" && ref.Stage != current {
		return cache.Value{}, secretsmanager.ResourceNotFoundException.New("A ciphertext has no other versions.")
	}
	caller, err := as(d.caller, ref.Role)
	if err != nil {
		return cache.Value{}, err
	}
	plain, err := decrypt(ctx, caller, &kms.DecryptInput{CiphertextBlob: blob})
	if kms.InvalidCiphertextException.Is(err) && d.function != "" {
		plain, err = decrypt(ctx, caller, &kms.DecryptInput{
			CiphertextBlob: blob, EncryptionContext: map[string]string{functionContext: d.function},
		})
	}
	if err != nil {
		return cache.Value{}, soft(err)
	}
	v := cache.Value{VersionID: version, Stages: []string{current}}
	if utf8.Valid(plain.Reveal()) {
		v.Text = plain
	} else {
		v.Binary = plain
	}
	return v, nil
}

func decrypt(ctx context.Context, caller awsjson.Caller, in *kms.DecryptInput) (secret.Value, error) {
	out, err := awsjson.Do(ctx, caller, kms.Decrypt, in)
	if err != nil {
		return secret.Value{}, err
	}
	if out.Plaintext.IsZero() {
		return secret.Value{}, errors.New("kms:Decrypt: the answer has no plaintext")
	}
	return out.Plaintext.Value, nil
}
