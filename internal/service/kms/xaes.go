// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/aes"
	"crypto/cipher"
)

// xaesNonceLen is the length of a nonce of XAES-256-GCM in bytes. It is long enough to
// be random for any number of messages.
const xaesNonceLen = 24

// xaes returns the AES-256-GCM that XAES-256-GCM uses for a message, and the nonce to
// use it with. From the key and the first half of the nonce it derives a key for the
// message, by NIST SP 800-108 in counter mode with CMAC; the second half is the nonce
// under it (c2sp.org/XAES-256-GCM).
func xaes(key, nonce []byte) (cipher.AEAD, []byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	// CMAC's subkey: the encryption of zeros, doubled in GF(2^128).
	var subkey [aes.BlockSize]byte
	block.Encrypt(subkey[:], subkey[:])
	msb := byte(0)
	for i := len(subkey) - 1; i >= 0; i-- {
		msb, subkey[i] = subkey[i]>>7, subkey[i]<<1|msb
	}
	subkey[len(subkey)-1] ^= msb * 0b10000111

	var derived [2 * aes.BlockSize]byte
	defer clear(derived[:])
	for i := range 2 {
		half := derived[i*aes.BlockSize:][:aes.BlockSize]
		half[1], half[2] = byte(i+1), 'X'
		copy(half[4:], nonce[:12])
		for j := range half {
			half[j] ^= subkey[j]
		}
		block.Encrypt(half, half)
	}
	block, err = aes.NewCipher(derived[:])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce[12:xaesNonceLen], err
}
