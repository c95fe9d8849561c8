// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"crypto/rand"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// bindCrypto binds the operations that encrypt and decrypt.
func (s *Service) bindCrypto(g *gate.Gate) {
	gate.Read(g, kms.Encrypt, gate.Row[kms.EncryptInput]{
		Access: gate.AccessWrite, Targets: on(s, func(in *kms.EncryptInput) *string { return in.KeyId }),
	}, s.encrypt)
	gate.Read(g, kms.Decrypt, gate.Row[kms.DecryptInput]{Access: gate.AccessWrite, PerItem: true}, s.decrypt)
	gate.Read(g, kms.GenerateDataKey, gate.Row[kms.GenerateDataKeyInput]{
		Access: gate.AccessWrite, Targets: on(s, func(in *kms.GenerateDataKeyInput) *string { return in.KeyId }),
	}, s.generateDataKey)
}

func (s *Service) encrypt(_ context.Context, r kv.Reader, call *gate.Call, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	k, err := s.find(r, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := k.usable(call); err != nil {
		return nil, err
	}
	blob, err := k.seal(in.Plaintext.Reveal(), in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: new(k.ARN(call)), EncryptionAlgorithm: new("SYMMETRIC_DEFAULT")}, nil
}

// decrypt finds the key in the ciphertext, so it takes its decision itself.
func (s *Service) decrypt(_ context.Context, r kv.Reader, call *gate.Call, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	id, err := keyOf(in.CiphertextBlob)
	if err != nil {
		return nil, kms.InvalidCiphertextException.New("")
	}
	k, err := s.byID(r, call, id)
	if err != nil {
		return nil, err
	}
	if err := call.Authorize("kms:Decrypt", k.target(call)); err != nil {
		return nil, err
	}
	if err := k.usable(call); err != nil {
		return nil, err
	}
	plaintext, err := k.open(in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, kms.InvalidCiphertextException.New("")
	}
	return &kms.DecryptOutput{KeyId: new(k.ARN(call)), Plaintext: secret.NewBlob(plaintext), EncryptionAlgorithm: new("SYMMETRIC_DEFAULT")}, nil
}

func (s *Service) generateDataKey(_ context.Context, r kv.Reader, call *gate.Call, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	k, err := s.find(r, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := k.usable(call); err != nil {
		return nil, err
	}
	n, err := dataKeyLength(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, n)
	_, _ = rand.Read(plaintext)
	blob, err := k.seal(plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{CiphertextBlob: blob, Plaintext: secret.NewBlob(plaintext), KeyId: new(k.ARN(call))}, nil
}

// dataKeyLength is the length in bytes that a request asks for.
func dataKeyLength(spec *string, bytes *int32) (int, error) {
	switch {
	case (spec == nil) == (bytes == nil):
		return 0, api.ValidationException.New("Please specify either number of bytes or key spec.")
	case bytes != nil:
		return int(*bytes), nil
	case *spec == "AES_128":
		return 16, nil
	}
	return 32, nil
}
