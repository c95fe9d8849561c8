// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"
)

// tokenKey seals page tokens and authorization messages: what a list has reached, and why
// somebody was refused, is nobody's to read or forge.
type tokenKey struct{ aead cipher.AEAD }

func newTokenKey(key [32]byte) (tokenKey, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return tokenKey{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return tokenKey{}, fmt.Errorf("page tokens: %w", err)
	}
	return tokenKey{aead}, nil
}

// maxToken bounds a token that a client sends, in bytes: SSM and Secrets Manager
// allow up to 4096 characters.
const maxToken = 4096

// PageToken seals the cursor at which a list goes on. The token is good for this
// operation, account and region, and for the same scope only: whatever of the
// request must stay the same from page to page, its filters and its order.
func (c *Call) PageToken(cursor string, scope ...string) string {
	sealed := c.gate.tokens.aead.Seal(nil, nil, []byte(cursor), c.tokenScope(scope))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Cursor opens a token that PageToken made. It reports false for any other.
func (c *Call) Cursor(token string, scope ...string) (string, bool) {
	if len(token) > maxToken {
		return "", false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", false
	}
	cursor, err := c.gate.tokens.aead.Open(nil, nil, sealed, c.tokenScope(scope))
	if err != nil {
		return "", false
	}
	return string(cursor), true
}

func (c *Call) tokenScope(more []string) []byte {
	return scope(append([]string{c.op.service.Name, c.op.name, c.Account, c.Region}, more...)...)
}

// scope is the associated data of what is sealed for these parts and no others.
func scope(parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s", len(p), p)
	}
	return []byte(b.String())
}
