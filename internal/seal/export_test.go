// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
)

// For tests of the forms that only this package reads.
const (
	KeyringKey = keyringKey
	KeySize    = keySize
	RootWord   = rootWord
	LookRoom   = resealLook
)

var (
	FormatRootKey = formatRootKey
	ParseRootKey  = parseRootKey
)

// OneKey is a keyring of one data key, with a fixed id, for a test of records alone.
type OneKey struct{ key dataKey }

// NewOneKey returns a OneKey of the id and the key.
func NewOneKey(id uint32, key [keySize]byte) OneKey {
	aead, err := newAEAD(&key)
	if err != nil {
		panic(err)
	}
	return OneKey{dataKey{id: id, aead: aead}}
}

// Seal returns the record of value under key.
func (o OneKey) Seal(key string, value []byte) []byte {
	return o.key.appendRecord(nil, nil, key, value)
}

// Open returns the value of a record under key.
func (o OneKey) Open(key string, record []byte) ([]byte, error) {
	id, err := recordKeyID(key, record)
	if err != nil {
		return nil, err
	}
	if id != o.key.id {
		return nil, tampered(key, "data key %d is not in the keyring", id)
	}
	return o.key.open(nil, key, record)
}

// CheckKeyringRecord parses a keyring's record and body as far as that goes without
// keys, and reports whether what was parsed is the same when encoded again.
func CheckKeyringRecord(raw []byte) error {
	if p, err := parseKeyring(raw); err == nil {
		if len(p.head)+len(p.body)+checksumSize != len(raw) {
			return errors.New("parts do not add up to the record")
		}
	}
	if k, err := decodeKeyring(raw); err == nil && string(k.encode()) != string(raw) {
		return errors.New("keyring is another one when encoded again")
	}
	return nil
}

// WithChecksum returns a keyring's record with a checksum that fits.
func WithChecksum(raw []byte) []byte {
	content := raw[:len(raw)-checksumSize]
	sum := sha256.Sum256(content)
	return append(bytes.Clone(content), sum[:checksumSize]...)
}
