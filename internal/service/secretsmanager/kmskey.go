// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// keyNamed returns how the head keeps a KMS key that a request names: as it is, but
// for aws/secretsmanager, which AWS never shows.
func keyNamed(call *gate.Call, id string) string {
	if id == kmsservice.AliasSecretsManager || id == call.ARN("kms", kmsservice.AliasSecretsManager) {
		return ""
	}
	return id
}

// kmsKey returns the KMS key of a secret for calls to KMS, and makes
// aws/secretsmanager on its first use, which is of no use to other accounts.
func (s *Service) kmsKey(tx kv.Tx, call *gate.Call, secret *Secret) (string, error) {
	switch {
	case secret.KMSKey != "":
		return secret.KMSKey, nil
	case secret.Account != call.Account:
		return "", errDefaultKey
	}
	return s.keys.EnsureManaged(tx, call, kmsservice.AliasSecretsManager)
}

// validateKey refuses a KMS key that the caller may not use, when a secret is given
// it. AWS documents these two calls, and the version id by which records show them.
func (s *Service) validateKey(ctx context.Context, tx kv.Tx, call *gate.Call, secret *Secret) error {
	if secret.KMSKey == "" {
		return nil
	}
	try := version{secret, "RequestToValidateKeyAccess"}
	out, err := gate.Invoke(ctx, call.InAccount(secret.Account), tx, kms.GenerateDataKey, &kms.GenerateDataKeyInput{
		KeyId: &secret.KMSKey, KeySpec: new("AES_256"), EncryptionContext: try.context(),
	})
	if err != nil {
		return encryptionFault(err)
	}
	out.Plaintext.Wipe()
	back, err := gate.Invoke(ctx, call.InAccount(secret.Account), tx, kms.Decrypt, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: try.context()})
	if err != nil {
		return decryptionFault(err, true)
	}
	back.Plaintext.Wipe()
	return nil
}

// reencrypt makes the versions in use readable under the secret's new KMS key. They
// stay readable under the old one, so that nobody is locked out; and where the caller
// may not use one of the two, a version stays as it was. So does AWS ("Change the
// encryption key for a secret").
func (s *Service) reencrypt(ctx context.Context, tx kv.Tx, call *gate.Call, secret *Secret) error {
	for _, stage := range []string{stageCurrent, stagePending, stagePrevious} {
		id, held := secret.Versions.holder(stage)
		if !held || secret.Versions[id].Empty || secret.Versions[id].KMSKeys[0] == secret.KMSKey {
			continue
		}
		if err := s.reencryptVersion(ctx, tx, call, version{secret, id}); err != nil && !refused(err) {
			return err
		}
	}
	return nil
}

func (s *Service) reencryptVersion(ctx context.Context, tx kv.Tx, call *gate.Call, v version) error {
	value, err := s.load(tx, v)
	if err != nil {
		return err
	}
	key, err := s.kmsKey(tx, call, v.secret)
	if err != nil {
		return err
	}
	dataKey, err := s.dataKey(ctx, tx, call, v, value)
	if err != nil {
		return err
	}
	defer dataKey.Wipe()
	out, err := gate.Invoke(ctx, call.InAccount(v.secret.Account), tx, kms.Encrypt, &kms.EncryptInput{
		KeyId: &key, Plaintext: dataKey, EncryptionContext: v.context(),
	})
	if err != nil {
		return err
	}
	value.addKey(DataKey{KMSKey: v.secret.KMSKey, Blob: out.CiphertextBlob})
	head := v.secret.Versions[v.id]
	head.KMSKeys = value.kmsKeys()
	v.secret.Versions[v.id] = head
	return s.store(tx, v, value)
}

// keyARN is the condition key secretsmanager:KmsKeyArn of a request that names a KMS key.
func (s *Service) keyARN(r kv.Reader, call *gate.Call, id *string) ([]string, bool) {
	if id == nil {
		return nil, false
	}
	name, err := s.keys.KeyARN(r, call, *id)
	return []string{name}, err == nil
}
