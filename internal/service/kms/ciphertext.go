// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
)

// A ciphertext under a symmetric key:
//
//	offset  bytes
//	0       1     version: 1
//	1       1     flags: 1 for a multi-Region key
//	2       16    key id
//	18      4     generation of the material, big endian
//	22      16    salt of the message's key
//	38      12    nonce
//	50      n+16  AES-256-GCM of the plaintext, and its tag
//
// The header, up to the salt, and the encryption context are associated data.
const (
	cipherVersion   = 1
	flagMultiRegion = 1

	headerLen = 22
	saltLen   = 16
	nonceLen  = 12
	sealedAt  = headerLen + saltLen + nonceLen
	tagLen    = 16
)

// errCiphertext says that a blob is none of ours, was changed, or has another
// encryption context. AWS tells these apart for nobody.
var errCiphertext = errors.New("kms: not a valid ciphertext")

// seal encrypts under the newest generation of the key.
func (k *Key) seal(plaintext []byte, context map[string]string) ([]byte, error) {
	generation := len(k.Material) - 1
	blob := make([]byte, sealedAt, sealedAt+len(plaintext)+tagLen)
	blob[0] = cipherVersion
	digits := k.ID
	if rest, ok := strings.CutPrefix(k.ID, "mrk-"); ok {
		blob[1], digits = flagMultiRegion, rest
	}
	if _, err := hex.Decode(blob[2:18], []byte(strings.ReplaceAll(digits, "-", ""))); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(blob[18:headerLen], uint32(generation))
	_, _ = rand.Read(blob[headerLen:sealedAt])
	aead, err := messageCipher(k.Material[generation].Secret.Reveal(), blob[headerLen:headerLen+saltLen])
	if err != nil {
		return nil, err
	}
	return aead.Seal(blob, blob[headerLen+saltLen:sealedAt], plaintext, associated(blob[:headerLen], context)), nil
}

// open decrypts a blob that names this key.
func (k *Key) open(blob []byte, context map[string]string) ([]byte, error) {
	if len(blob) < sealedAt+tagLen || blob[0] != cipherVersion {
		return nil, errCiphertext
	}
	generation := binary.BigEndian.Uint32(blob[18:headerLen])
	if uint64(generation) >= uint64(len(k.Material)) {
		return nil, errCiphertext
	}
	aead, err := messageCipher(k.Material[generation].Secret.Reveal(), blob[headerLen:headerLen+saltLen])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, blob[headerLen+saltLen:sealedAt], blob[sealedAt:], associated(blob[:headerLen], context))
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}

// keyOf returns the id of the key that a blob names.
func keyOf(blob []byte) (string, error) {
	if len(blob) < sealedAt+tagLen || blob[0] != cipherVersion || blob[1] > flagMultiRegion {
		return "", errCiphertext
	}
	digits := hex.EncodeToString(blob[2:18])
	if blob[1] == flagMultiRegion {
		return "mrk-" + digits, nil
	}
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-"), nil
}

// messageCipher derives a message's key from the material and the message's salt,
// by NIST SP 800-108 in counter mode with HMAC-SHA256: one block is one key.
func messageCipher(material, salt []byte) (cipher.AEAD, error) {
	h := hmac.New(sha256.New, material)
	h.Write([]byte{0, 0, 0, 1})
	h.Write([]byte("coffer kms message key\x00"))
	h.Write(salt)
	h.Write([]byte{0, 0, 1, 0}) // 256 bits
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// associated is the header and the encryption context, in an order and with lengths
// that allow one reading only.
func associated(header []byte, context map[string]string) []byte {
	out := slices.Clone(header)
	for _, key := range slices.Sorted(maps.Keys(context)) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(key)))
		out = append(out, key...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(context[key])))
		out = append(out, context[key]...)
	}
	return out
}
