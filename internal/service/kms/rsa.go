// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
)

// oaepHash is the hash of an RSA encryption algorithm. SHA-1 is sound in OAEP, where
// nothing depends on collisions.
func oaepHash(algorithm string) hash.Hash {
	if algorithm == kms.EncryptionAlgorithmSpecRSAESOAEPSHA1 {
		return sha1.New()
	}
	return sha256.New()
}

// rsaKey returns the private key of the material.
func (m *Material) rsaKey() (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(m.Secret.Reveal())
	if err != nil {
		return nil, errors.New("kms: key material that is no PKCS #8") // the cause may quote it
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("kms: key material that is no RSA key")
	}
	return key, nil
}

// rsaEncrypt encrypts under the public key, as anyone could who has it.
func (k *Key) rsaEncrypt(plaintext []byte, algorithm string) ([]byte, error) {
	key, err := k.current().rsaKey()
	if err != nil {
		return nil, err
	}
	h := oaepHash(algorithm)
	if most := key.Size() - 2*h.Size() - 2; len(plaintext) > most {
		return nil, api.ValidationException.Newf("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Spec, most)
	}
	return rsa.EncryptOAEP(h, rand.Reader, &key.PublicKey, plaintext, nil)
}

func (k *Key) rsaDecrypt(blob []byte, algorithm string) ([]byte, error) {
	key, err := k.current().rsaKey()
	if err != nil {
		return nil, err
	}
	plaintext, err := rsa.DecryptOAEP(oaepHash(algorithm), nil, key, blob, nil)
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}
