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

func (s *Service) generateDataKey(_ context.Context, r kv.Reader, call *gate.Call, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	q := request{keyID: *in.KeyId, grantTokens: in.GrantTokens, recipient: in.Recipient, dryRun: in.DryRun, context: in.EncryptionContext, algorithm: kms.EncryptionAlgorithmSpecSymmetricDefault}
	return s.dataKey(r, call, q, in)
}

func (s *Service) generateDataKeyWithoutPlaintext(_ context.Context, r kv.Reader, call *gate.Call, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	q := request{
		keyID: *in.KeyId, grantTokens: in.GrantTokens, dryRun: in.DryRun,
		context: in.EncryptionContext, algorithm: kms.EncryptionAlgorithmSpecSymmetricDefault,
	}
	out, err := s.dataKey(r, call, q, &kms.GenerateDataKeyInput{
		EncryptionContext: in.EncryptionContext, NumberOfBytes: in.NumberOfBytes, KeySpec: in.KeySpec,
	})
	if err != nil {
		return nil, err
	}
	out.Plaintext.Wipe()
	return &kms.GenerateDataKeyWithoutPlaintextOutput{CiphertextBlob: out.CiphertextBlob, KeyId: out.KeyId, KeyMaterialId: out.KeyMaterialId}, nil
}

// dataKey makes a data key as in asks, but for what q has of it.
func (s *Service) dataKey(r kv.Reader, call *gate.Call, q request, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	k, err := s.use(r, call, q)
	if err != nil {
		return nil, err
	}
	if err := k.encrypts(call, kms.EncryptionAlgorithmSpecSymmetricDefault); err != nil {
		return nil, err
	}
	n, err := dataKeyLength(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	if err := q.rehearsed(); err != nil {
		return nil, err
	}
	plaintext := make([]byte, n)
	_, _ = rand.Read(plaintext)
	blob, err := k.seal(plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		CiphertextBlob: blob, Plaintext: secret.NewBlob(plaintext), KeyId: new(k.ARN(call)), KeyMaterialId: &k.current().ID,
	}, nil
}

// dataKeyLength is the length in bytes that a request asks for.
func dataKeyLength(spec *string, bytes *int32) (int, error) {
	switch {
	case (spec == nil) == (bytes == nil):
		return 0, api.ValidationException.New("Please specify either number of bytes or key spec.")
	case bytes != nil:
		return int(*bytes), nil
	case *spec == kms.DataKeySpecAES128:
		return 16, nil
	}
	return 32, nil
}
