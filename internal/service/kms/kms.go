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
// Who may use a key is for its key policy to say first: the account itself is in only
// through that. The default one leaves it to the account's identity policies. A grant
// lets its grantee in beside the policies, to the operations and under the encryption
// contexts that it names, from the moment that it is made until it is gone; nothing gets
// past an explicit deny.
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
	// owners has each key's account by region and key id, for ciphertexts, which name
	// the key alone.
	owners *record.Table[owner]
	grants grants
	// directory knows whom policies and grants may name.
	directory Directory
	// generating has room for as many as may make slow key pairs at once.
	generating chan struct{}
}

// Bind binds KMS's operations to the gate, and returns the service for those that
// need its keys to be there. Directory knows whom key policies and grants may name.
func Bind(g *gate.Gate, directory Directory) *Service {
	s := &Service{
		keys:       record.Memoised[Key]("kms/key", maxRemembered),
		aliases:    record.Memoised[Alias]("kms/alias", maxRemembered),
		aliasesOf:  record.New[struct{}]("kms/key-alias"),
		owners:     record.Memoised[owner]("kms/owner", maxRemembered),
		grants:     newGrants(),
		directory:  directory,
		generating: make(chan struct{}, maxGenerating),
	}
	s.bindKeys(g)
	s.bindAliases(g)
	s.bindCrypto(g)
	s.bindPolicies(g)
	s.bindGrants(g)
	return s
}
