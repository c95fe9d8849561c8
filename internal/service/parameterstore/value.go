// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// How a SecureString is encrypted:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
//
// In the standard tier KMS encrypts the value itself. In the advanced tier, whose
// values may be larger than what KMS takes, the value is under a data key of its own:
//
//	offset  bytes
//	0       1     version: 1
//	1       2     length n of the encrypted data key, big endian
//	3       n     data key, encrypted by KMS
//	3+n     12    nonce
//	15+n    m+16  AES-256-GCM of the value, and its tag
//
// What comes before the nonce, and the ARN, are associated data. AWS documents no
// form, only that it differs from that of the standard tier.
const (
	envelopeVersion = 1
	envelopeHeader  = 3
)

// contextKey is the key of the encryption context, whose value is the ARN.
const contextKey = "PARAMETER_ARN"

var errEnvelope = errors.New("parameter: not a valid envelope")

// setValue stores a value in v, encrypted if v is a SecureString.
func (s *service) setValue(ctx context.Context, tx kv.Tx, call *gate.Call, v *Version, arn string, value secret.Value) error {
	if v.Type != ssm.ParameterTypeSecureString {
		v.Value = value.Clone().Reveal()
		return nil
	}
	if v.KeyID == kmsservice.AliasSSM || v.KeyID == call.ARN("kms", kmsservice.AliasSSM) {
		if _, err := s.keys.EnsureManaged(tx, call, kmsservice.AliasSSM); err != nil {
			return err
		}
	}
	var err error
	if v.Tier == ssm.ParameterTierAdvanced {
		v.Value, err = sealEnvelope(ctx, tx, call, v.KeyID, arn, value)
	} else {
		var out *kms.EncryptOutput
		out, err = gate.Invoke(ctx, call, tx, kms.Encrypt, &kms.EncryptInput{
			KeyId: &v.KeyID, Plaintext: secret.Blob{Value: value}, EncryptionContext: map[string]string{contextKey: arn},
		})
		if err == nil {
			v.Value = out.CiphertextBlob
		}
	}
	return fromKMS(call, err)
}

// value returns the value of v as an answer has it: plaintext, or the ciphertext of
// a SecureString in base64 unless it is to be decrypted.
func (s *service) value(ctx context.Context, r kv.Reader, call *gate.Call, v *Version, arn string, decrypt bool) (secret.Text, error) {
	switch {
	case v.Type != ssm.ParameterTypeSecureString:
		return secret.NewText(string(v.Value)), nil
	case !decrypt:
		return secret.NewText(base64.StdEncoding.EncodeToString(v.Value)), nil
	case v.Tier == ssm.ParameterTierAdvanced:
		value, err := openEnvelope(ctx, r, call, arn, v.Value)
		return secret.Text{Value: value}, err
	}
	value, err := decryptKMS(ctx, r, call, arn, v.Value)
	return secret.Text{Value: value}, err
}

func decryptKMS(ctx context.Context, r kv.Reader, call *gate.Call, arn string, blob []byte) (secret.Value, error) {
	out, err := gate.Invoke(ctx, call, r, kms.Decrypt, &kms.DecryptInput{
		CiphertextBlob: blob, EncryptionContext: map[string]string{contextKey: arn},
	})
	if err != nil {
		return secret.Value{}, fromKMS(call, err)
	}
	return out.Plaintext.Value, nil
}

func sealEnvelope(ctx context.Context, tx kv.Tx, call *gate.Call, keyID, arn string, value secret.Value) ([]byte, error) {
	key, err := gate.Invoke(ctx, call, tx, kms.GenerateDataKey, &kms.GenerateDataKeyInput{
		KeyId: &keyID, KeySpec: new(kms.DataKeySpecAES256), EncryptionContext: map[string]string{contextKey: arn},
	})
	if err != nil {
		return nil, err
	}
	defer key.Plaintext.Wipe()
	header := binary.BigEndian.AppendUint16([]byte{envelopeVersion}, uint16(len(key.CiphertextBlob)))
	header = append(header, key.CiphertextBlob...)
	aead, err := envelopeCipher(key.Plaintext.Value)
	if err != nil {
		return nil, err
	}
	return aead.Seal(header, nil, value.Reveal(), append(header[:len(header):len(header)], arn...)), nil
}

func openEnvelope(ctx context.Context, r kv.Reader, call *gate.Call, arn string, blob []byte) (secret.Value, error) {
	if len(blob) < envelopeHeader || blob[0] != envelopeVersion {
		return secret.Value{}, errEnvelope
	}
	end := envelopeHeader + int(binary.BigEndian.Uint16(blob[1:envelopeHeader]))
	if len(blob) < end {
		return secret.Value{}, errEnvelope
	}
	key, err := decryptKMS(ctx, r, call, arn, blob[envelopeHeader:end])
	if err != nil {
		return secret.Value{}, err
	}
	defer key.Wipe()
	aead, err := envelopeCipher(key)
	if err != nil {
		return secret.Value{}, err
	}
	value, err := aead.Open(nil, nil, blob[end:], append(blob[:end:end], arn...))
	if err != nil {
		return secret.Value{}, errEnvelope
	}
	return secret.New(value), nil
}

func envelopeCipher(key secret.Value) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key.Reveal())
	if err != nil {
		return nil, errEnvelope
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// fromKMS words an error of KMS as Parameter Store tells it: a refusal stays one, and
// all else means that the key can't be used. AWS appends which call of its own failed.
func fromKMS(call *gate.Call, err error) error {
	answer, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	code := ssm.InvalidKeyId
	switch {
	case answer.HTTPStatus() >= 500:
		return err
	case kms.InvalidCiphertextException.Is(err):
		return fmt.Errorf("decrypting a parameter: %w", errEnvelope)
	case api.AccessDeniedException.Is(err):
		code = api.AccessDeniedException
	}
	return code.Newf("%s (Service: AWSKMS; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		answer.Message, answer.HTTPStatus(), answer.Code, call.RequestID)
}
