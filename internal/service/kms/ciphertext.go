// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// A ciphertext under a symmetric encryption key:
//
//	offset  bytes
//	0       1     version: 1
//	1       1     flags: 1 for a multi-Region key
//	2       16    key id
//	18      4     generation of the material, big endian
//	22      24    nonce
//	46      n+16  XAES-256-GCM of the plaintext, and its tag
//
// The header, up to the nonce, and the encryption context are associated data.
//
// That of the longest plaintext, 4096 bytes, is below the 6144 that Decrypt takes.
const (
	cipherVersion   = 1
	flagMultiRegion = 1

	headerLen = 22
	sealedAt  = headerLen + xaesNonceLen
	tagLen    = 16
)

// errCiphertext says that a blob is none of ours, was changed, or has another
// encryption context. AWS tells these apart for nobody.
var errCiphertext = errors.New("kms: not a valid ciphertext")

// header is what a ciphertext says of itself. Nothing of it is to be believed until
// the ciphertext was opened.
type header struct {
	key         [uuidLen]byte
	multiRegion bool
	generation  uint32
}

// keyID is the id of the key that the ciphertext names.
func (h *header) keyID() string { return formatKeyID(h.key, h.multiRegion) }

// parseHeader reads the header of a blob that is long enough to be a ciphertext.
func parseHeader(blob []byte) (header, error) {
	if len(blob) < sealedAt+tagLen || blob[0] != cipherVersion || blob[1]&^flagMultiRegion != 0 {
		return header{}, errCiphertext
	}
	return header{
		key:         [uuidLen]byte(blob[2:18]),
		multiRegion: blob[1] == flagMultiRegion,
		generation:  binary.BigEndian.Uint32(blob[18:headerLen]),
	}, nil
}

// append adds the header to a blob.
func (h *header) append(blob []byte) []byte {
	flags := byte(0)
	if h.multiRegion {
		flags = flagMultiRegion
	}
	blob = append(append(blob, cipherVersion, flags), h.key[:]...)
	return binary.BigEndian.AppendUint32(blob, h.generation)
}

// seal encrypts under the newest generation of a symmetric encryption key.
func (k *Key) seal(plaintext []byte, context map[string]string) ([]byte, error) {
	h := header{generation: uint32(len(k.Material) - 1)}
	var ok bool
	if h.key, h.multiRegion, ok = parseKeyID(k.ID); !ok {
		return nil, errors.New("kms: a key with an id of another form")
	}
	blob := h.append(make([]byte, 0, sealedAt+len(plaintext)+tagLen))[:sealedAt]
	_, _ = rand.Read(blob[headerLen:])
	aead, nonce, err := xaes(k.Material[h.generation].Secret.Reveal(), blob[headerLen:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(blob, nonce, plaintext, associated(blob[:headerLen], context)), nil
}

// open decrypts a blob whose header names this key, and returns the plaintext with the
// material that it was under.
func (k *Key) open(h header, blob []byte, context map[string]string) ([]byte, *Material, error) {
	if uint64(h.generation) >= uint64(len(k.Material)) {
		return nil, nil, errCiphertext
	}
	m := &k.Material[h.generation]
	aead, nonce, err := xaes(m.Secret.Reveal(), blob[headerLen:sealedAt])
	if err != nil {
		return nil, nil, err
	}
	plaintext, err := aead.Open(nil, nonce, blob[sealedAt:], associated(blob[:headerLen], context))
	if err != nil {
		return nil, nil, errCiphertext
	}
	return plaintext, m, nil
}

// associated is the header and the encryption context, in an order and with lengths
// that allow one reading only.
func associated(header []byte, context map[string]string) []byte {
	if len(context) == 0 {
		return header
	}
	n := len(header)
	for key, value := range context {
		n += 4 + len(key) + 4 + len(value)
	}
	out := append(make([]byte, 0, n), header...)
	keys := slices.AppendSeq(make([]string, 0, len(context)), maps.Keys(context))
	slices.Sort(keys)
	for _, key := range keys {
		value := context[key]
		out = binary.BigEndian.AppendUint32(out, uint32(len(key)))
		out = append(out, key...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(value)))
		out = append(out, value...)
	}
	return out
}
