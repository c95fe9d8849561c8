// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// The keyring's record:
//
//	version 1 | length 1 | description | length 2 | wrapped key | sealed keyring | checksum 8
//
// The wrapped key is the root's; under it is the key of the sealed keyring (nonce,
// ciphertext, tag), for which all that stands before it is associated data. The
// checksum, of SHA-256, tells damage from a wrong root key.
const (
	keyringVersion = 1
	checksumSize   = 8
)

// An envelope is how a keyring is sealed: its key, and what the root made of it.
type envelope struct {
	description string // of the root
	wrapped     []byte
	aead        cipher.AEAD
}

// newEnvelope makes a key and wraps it by root.
func newEnvelope(ctx context.Context, root Root) (*envelope, error) {
	var key [keySize]byte
	random(&key)
	defer clear(key[:])
	wrapped, err := wrapChecked(ctx, root, &key)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(&key)
	if err != nil {
		return nil, err
	}
	return &envelope{description: describe(root), wrapped: wrapped, aead: aead}, nil
}

// seal returns the record that holds k.
func (e *envelope) seal(k *keyring) []byte {
	body := k.encode()
	defer clear(body)
	b := []byte{keyringVersion, byte(len(e.description))}
	b = append(b, e.description...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.wrapped)))
	b = append(b, e.wrapped...)
	b = append(b, e.aead.Seal(nil, nil, body, b)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:checksumSize]...)
}

// A sealedKeyring is the keyring's record taken apart. It shares the record's bytes.
type sealedKeyring struct {
	head        []byte // all before body
	description string
	wrapped     []byte
	body        []byte
}

func parseKeyring(raw []byte) (p sealedKeyring, err error) {
	damaged := tampered(keyringKey, "keyring is damaged: restore the store from a backup")
	if len(raw) < 2+2+checksumSize {
		return p, damaged
	}
	content, sum := raw[:len(raw)-checksumSize], sha256.Sum256(raw[:len(raw)-checksumSize])
	if !bytes.Equal(sum[:checksumSize], raw[len(content):]) {
		return p, damaged
	}
	if content[0] != keyringVersion {
		return p, fmt.Errorf("seal: keyring has format %d: %w", content[0], kv.ErrVersion)
	}
	rest := content[1:]
	description, rest, ok := cut(rest[1:], int(rest[0]))
	if !ok || len(rest) < 2 {
		return p, damaged
	}
	wrapped, body, ok := cut(rest[2:], int(binary.BigEndian.Uint16(rest)))
	if !ok {
		return p, damaged
	}
	head := content[:len(content)-len(body)]
	return sealedKeyring{head: head, description: string(description), wrapped: wrapped, body: body}, nil
}

func cut(b []byte, n int) (head, tail []byte, ok bool) {
	if len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// unlock opens the keyring's record. It asks root only if the record is not under the
// known envelope's key; known may be nil. It returns the envelope that fits.
func unlock(ctx context.Context, root Root, raw []byte, known *envelope) (*keyring, *envelope, error) {
	p, err := parseKeyring(raw)
	if err != nil {
		return nil, nil, err
	}
	if known == nil || !bytes.Equal(known.wrapped, p.wrapped) {
		if known, err = p.unwrap(ctx, root); err != nil {
			return nil, nil, err
		}
	}
	body, err := known.aead.Open(nil, nil, p.body, p.head)
	if err != nil {
		return nil, nil, tampered(keyringKey, "keyring was changed: restore the store from a backup")
	}
	defer clear(body)
	keys, err := decodeKeyring(body)
	if err != nil {
		return nil, nil, tampered(keyringKey, "%w", err)
	}
	return keys, known, nil
}

func (p sealedKeyring) unwrap(ctx context.Context, root Root) (*envelope, error) {
	key, err := root.Unwrap(ctx, p.wrapped)
	if errors.Is(err, ErrWrongRoot) {
		return nil, fmt.Errorf("seal: opening the keyring, which was wrapped by %s: %w", p.description, err)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: opening the keyring by %s: %w", root, err)
	}
	defer clear(key)
	if len(key) != keySize {
		return nil, tampered(keyringKey, "keyring key has %d bytes", len(key))
	}
	aead, err := newAEAD((*[keySize]byte)(key))
	if err != nil {
		return nil, err
	}
	return &envelope{description: p.description, wrapped: bytes.Clone(p.wrapped), aead: aead}, nil
}
