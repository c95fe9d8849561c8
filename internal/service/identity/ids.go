// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"encoding/base64"
)

// AWS's prefixes of unique ids (IAM User Guide, "IAM identifiers").
const (
	PrefixUser      = "AIDA"
	PrefixRole      = "AROA"
	PrefixGroup     = "AGPA"
	PrefixPolicy    = "ANPA"
	prefixLongLived = "AKIA"
	prefixTemporary = "ASIA"
)

// Lengths of what follows the prefix, in characters: of 21 for users, roles, groups and
// policies, and 20 for access keys.
const (
	uniqueLen    = 17
	accessKeyLen = 16
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// NewID returns a unique id of a user, role, group or policy with that prefix.
func NewID(prefix string) string { return uniqueID(prefix, uniqueLen) }

// uniqueID returns a prefix followed by n random characters.
func uniqueID(prefix string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return prefix + string(b)
}

// newSecret returns 40 characters of base64, the form of AWS's secret keys.
func newSecret() []byte {
	b := make([]byte, 30)
	_, _ = rand.Read(b)
	return base64.StdEncoding.AppendEncode(nil, b)
}
