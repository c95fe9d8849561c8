// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package kms serves AWS KMS: keys that never leave the store, the aliases that
// name them, and what is encrypted under them.
//
// A key has one or more generations of key material. A ciphertext names its key and
// generation, and is bound to them and to the encryption context, so Decrypt needs
// no key id for a symmetric key. Nonces are long enough to be random, so that a key may
// encrypt without counting.
//
// Other services call it through the gate, as AWS's do: with the caller's
// permissions, and a record in the audit log.
//
// A key policy is not evaluated yet, so none is taken but what amounts to the default
// one, which leaves all decisions to the identity policies of the key's account.
package kms

import (
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/record"
)

// maxRemembered is how many keys and aliases are kept decoded.
const maxRemembered = 8192

// Service is KMS over a store. It is for concurrent use.
type Service struct {
	keys    *record.Table[Key]
	aliases *record.Table[Alias]
	// aliasesOf has an entry for each alias below its key, for ListAliases by key.
	aliasesOf *record.Table[struct{}]
	// generating has room for as many as may make slow key pairs at once.
	generating chan struct{}
}

// Bind binds KMS's operations to the gate, and returns the service for those that
// need its keys to be there.
func Bind(g *gate.Gate) *Service {
	s := &Service{
		keys:       record.Memoised[Key]("kms/key", maxRemembered),
		aliases:    record.Memoised[Alias]("kms/alias", maxRemembered),
		aliasesOf:  record.New[struct{}]("kms/key-alias"),
		generating: make(chan struct{}, maxGenerating),
	}
	s.bindKeys(g)
	s.bindAliases(g)
	s.bindCrypto(g)
	return s
}
