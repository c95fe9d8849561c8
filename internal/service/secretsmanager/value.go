// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// tableValues has the values, by account, region, the secret's UID and version id.
const tableValues = "sm/version"

// Value is the record of one version's value.
type Value struct {
	// Created is when the version was made, which is where the index has it.
	Created time.Time
	// Binary says that the value came as SecretBinary.
	Binary bool `json:",omitzero"`
	// Keys are copies of the value's data key, each under another KMS key, the newest
	// first: each opens the value.
	Keys []DataKey
	// Sealed is a nonce, and the value by AES-256-GCM under the data key. The secret's
	// ARN, the version and the kind of value are associated data.
	Sealed []byte
}

// DataKey is an encrypted data key.
type DataKey struct {
	// KMSKey is the KMS key as the caller named it. Empty means aws/secretsmanager.
	KMSKey string `json:",omitzero"`
	Blob   []byte
}

// content is a value in plaintext.
type content struct {
	secret.Value
	binary bool
}

// contentOf takes the value out of a request. It is absent when the request has none. The
// length that the model allows is in characters, the limit is in bytes (Secrets Manager
// User Guide, "Secrets Manager quotas").
func contentOf(call *gate.Call, text secret.Text, blob secret.Blob) (content, error) {
	c := content{Value: text.Value}
	switch {
	case !text.IsZero() && !blob.IsZero():
		return content{}, errTwice
	case !blob.IsZero():
		c = content{Value: blob.Value, binary: true}
	}
	if longest := call.Limits().SecretSize; c.Len() > longest {
		member := "secretString"
		if c.binary {
			member = "secretBinary"
		}
		return content{}, api.ValidationException.Newf("1 validation error detected: Value at '%s' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", member, longest)
	}
	return c, nil
}

// valued is the row of an operation whose request has a value, which may be longer than
// the model allows if the server's limit is.
func valued[In any](row gate.Row[In], value func(*In) (*secret.Text, *secret.Blob)) gate.Row[In] {
	row.Validate = func(call *gate.Call, in *In) *api.Error {
		rest := *in
		text, blob := value(&rest)
		if call.Limits().SecretSize > limits.SecretSize { // which contentOf bounds
			if text.Len() > limits.SecretSize {
				*text = secret.Text{}
			}
			if blob.Len() > limits.SecretSize {
				*blob = secret.Blob{}
			}
		}
		return sm.Service.Validate(&rest)
	}
	return row
}

// version names one version of a secret in calls to KMS.
type version struct {
	secret *Secret
	id     string
}

// context is the encryption context that AWS documents ("Secret encryption and
// decryption"): policies and audit records see it.
func (v version) context() map[string]string {
	return map[string]string{"SecretARN": v.secret.ARN, "SecretVersionId": v.id}
}

// cipher returns what encrypts the value under a data key, with its associated data.
func (v version) cipher(dataKey secret.Blob, binary bool) (cipher.AEAD, []byte, error) {
	block, err := aes.NewCipher(dataKey.Reveal())
	if err != nil {
		return nil, nil, fmt.Errorf("data key of a secret: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, []byte(v.secret.ARN + "\x00" + v.id + "\x00" + strconv.FormatBool(binary)), err
}

// seal encrypts a value under a new data key.
func (s *Service) seal(ctx context.Context, tx kv.Tx, call *gate.Call, v version, c content) (*Value, error) {
	key, err := s.kmsKey(tx, call, v.secret)
	if err != nil {
		return nil, err
	}
	out, err := gate.Invoke(ctx, call.InAccount(v.secret.Account), tx, kms.GenerateDataKey, &kms.GenerateDataKeyInput{
		KeyId: &key, KeySpec: new("AES_256"), EncryptionContext: v.context(),
	})
	if err != nil {
		return nil, encryptionFault(err)
	}
	defer out.Plaintext.Wipe()
	aead, associated, err := v.cipher(out.Plaintext, c.binary)
	if err != nil {
		return nil, err
	}
	return &Value{
		Created: call.Time.UTC(),
		Binary:  c.binary,
		Keys:    []DataKey{{KMSKey: v.secret.KMSKey, Blob: out.CiphertextBlob}},
		Sealed:  aead.Seal(nil, nil, c.Reveal(), associated),
	}, nil
}

// open decrypts a value, by whichever of its keys the caller may use.
func (s *Service) open(ctx context.Context, r kv.Reader, call *gate.Call, v version, value *Value) (content, error) {
	dataKey, err := s.dataKey(ctx, r, call, v, value)
	if err != nil {
		return content{}, err
	}
	defer dataKey.Wipe()
	aead, associated, err := v.cipher(dataKey, value.Binary)
	if err != nil {
		return content{}, err
	}
	plaintext, err := aead.Open(nil, nil, value.Sealed, associated)
	if err != nil {
		return content{}, fmt.Errorf("value of version %s of secret %s: %w", v.id, v.secret.ARN, err)
	}
	return content{Value: secret.New(plaintext), binary: value.Binary}, nil
}

// dataKey decrypts a value's data key. If no copy can be had, the answer is about the
// newest.
func (s *Service) dataKey(ctx context.Context, r kv.Reader, call *gate.Call, v version, value *Value) (secret.Blob, error) {
	var first error
	for _, key := range value.Keys {
		if key.KMSKey == "" && v.secret.Account != call.Account {
			first = cmp.Or[error](first, errDefaultKey)
			continue
		}
		out, err := gate.Invoke(ctx, call.InAccount(v.secret.Account), r, kms.Decrypt, &kms.DecryptInput{CiphertextBlob: key.Blob, EncryptionContext: v.context()})
		if err == nil {
			return out.Plaintext, nil
		}
		if !refused(err) {
			return secret.Blob{}, err
		}
		if first == nil {
			first = decryptionFault(err, key.KMSKey == v.secret.KMSKey)
		}
	}
	return secret.Blob{}, first
}

// load reads the record of a version's value. It is nil if there is no such version, or
// if it is empty.
func (s *Service) load(r kv.Reader, v version) (*Value, error) {
	value, err := s.values.Get(r, v.secret.Account, v.secret.Region, v.secret.UID, v.id)
	if known, labelled := v.secret.Versions[v.id]; labelled && !known.Empty && err == nil && value == nil {
		err = fmt.Errorf("version %s of secret %s has no value", v.id, v.secret.Name)
	}
	return value, err
}

func (s *Service) store(tx kv.Tx, v version, value *Value) error {
	return s.values.Put(tx, value, v.secret.Account, v.secret.Region, v.secret.UID, v.id)
}

// valuesOf is the prefix of the keys of a secret's values.
func valuesOf(secret *Secret) string {
	return tableValues + "/" + kv.Prefix(secret.Account, secret.Region, secret.UID)
}

// maxDataKeys is how many copies of a data key are kept: one is added each time that
// the secret's KMS key changes.
const maxDataKeys = 5

// addKey puts a copy of the data key before the others, in place of an earlier one
// under the same KMS key.
func (v *Value) addKey(key DataKey) {
	others := slices.DeleteFunc(slices.Clone(v.Keys), func(k DataKey) bool { return k.KMSKey == key.KMSKey })
	v.Keys = append([]DataKey{key}, others[:min(len(others), maxDataKeys-1)]...)
}

// kmsKeys names the keys under which the value can be read.
func (v *Value) kmsKeys() []string {
	names := make([]string, 0, len(v.Keys))
	for _, k := range v.Keys {
		names = append(names, k.KMSKey)
	}
	return names
}
