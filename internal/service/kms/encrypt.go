// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func (s *Service) encrypt(_ context.Context, r kv.Reader, call *gate.Call, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	q := request{
		keyID: *in.KeyId, grantTokens: in.GrantTokens, dryRun: in.DryRun,
		context: in.EncryptionContext, algorithm: algorithm,
	}
	k, err := s.use(r, call, q)
	if err != nil {
		return nil, err
	}
	if err := k.encrypts(call, algorithm); err != nil {
		return nil, err
	}
	if err := noContext(algorithm, in.EncryptionContext); err != nil {
		return nil, err
	}
	var blob []byte
	if algorithm == kms.EncryptionAlgorithmSpecSymmetricDefault {
		blob, err = k.seal(in.Plaintext.Reveal(), in.EncryptionContext)
	} else {
		blob, err = k.rsaEncrypt(in.Plaintext.Reveal(), algorithm)
	}
	if err != nil {
		return nil, err
	}
	if err := q.rehearsed(); err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: new(k.ARN(call)), EncryptionAlgorithm: &algorithm}, nil
}

func (s *Service) decrypt(_ context.Context, r kv.Reader, call *gate.Call, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	q := request{
		grantTokens: in.GrantTokens, recipient: in.Recipient, dryRun: in.DryRun,
		context: in.EncryptionContext, algorithm: algorithm,
	}
	if in.KeyId != nil {
		q.keyID = *in.KeyId
	}
	if slices.Contains(in.DryRunModifiers, kms.DryRunModifierTypeIgnoreCiphertext) {
		return nil, s.rehearseDecrypt(r, call, q, in)
	}
	if in.CiphertextBlob == nil {
		return nil, noCiphertext()
	}
	if algorithm != kms.EncryptionAlgorithmSpecSymmetricDefault {
		return s.decryptAsymmetric(r, call, q, in)
	}
	h, malformed := parseHeader(in.CiphertextBlob)
	var k *Key
	var err error
	switch {
	case in.KeyId != nil:
		k, err = s.use(r, call, q)
	case malformed != nil:
		err = opened(malformed)
	default:
		k, err = s.useOf(r, call, &h, q)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case k.Spec != kms.KeySpecSymmetricDefault:
		return nil, incorrectKey()
	case malformed != nil:
		return nil, opened(malformed)
	case h.keyID() != k.ID:
		return nil, incorrectKey()
	}
	plaintext, material, err := k.open(h, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, opened(err)
	}
	out := &kms.DecryptOutput{
		KeyId: new(k.ARN(call)), Plaintext: secret.NewBlob(plaintext), EncryptionAlgorithm: &algorithm, KeyMaterialId: &material.ID,
	}
	return finish(q, out)
}

// decryptAsymmetric decrypts what RSA encrypted, which does not say under which key.
func (s *Service) decryptAsymmetric(r kv.Reader, call *gate.Call, q request, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if in.KeyId == nil {
		return nil, api.ValidationException.New("KeyId is required to decrypt with an asymmetric encryption algorithm.")
	}
	k, err := s.use(r, call, q)
	if err != nil {
		return nil, err
	}
	if err := k.encrypts(call, *in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := noContext(*in.EncryptionAlgorithm, in.EncryptionContext); err != nil {
		return nil, err
	}
	plaintext, err := k.rsaDecrypt(in.CiphertextBlob, *in.EncryptionAlgorithm)
	if err != nil {
		return nil, opened(err)
	}
	out := &kms.DecryptOutput{KeyId: new(k.ARN(call)), Plaintext: secret.NewBlob(plaintext), EncryptionAlgorithm: in.EncryptionAlgorithm}
	return finish(q, out)
}

// finish gives the plaintext away, unless the call is a dry run.
func finish(q request, out *kms.DecryptOutput) (*kms.DecryptOutput, error) {
	if err := q.rehearsed(); err != nil {
		out.Plaintext.Wipe()
		return nil, err
	}
	return out, nil
}

// rehearseDecrypt asks only whether the caller may decrypt under the key.
func (s *Service) rehearseDecrypt(r kv.Reader, call *gate.Call, q request, in *kms.DecryptInput) error {
	switch {
	case q.rehearsed() == nil:
		return api.ValidationException.New("DryRunModifiers can be set only when DryRun is true.")
	case in.KeyId == nil && in.CiphertextBlob == nil:
		return api.ValidationException.New("KeyId is required when the ciphertext is ignored.")
	}
	if in.KeyId != nil {
		if _, err := s.use(r, call, q); err != nil {
			return err
		}
		return q.rehearsed()
	}
	h, err := parseHeader(in.CiphertextBlob)
	if err != nil {
		return opened(err)
	}
	if _, err := s.useOf(r, call, &h, q); err != nil {
		return err
	}
	return q.rehearsed()
}

func noCiphertext() error {
	return api.ValidationException.New("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
}

func incorrectKey() error {
	return kms.IncorrectKeyException.New("The key ID in the request does not identify a CMK that can perform this operation.")
}
