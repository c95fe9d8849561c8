// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
)

// signatureLen is the length of a signature: a SHA-256 in hexadecimal.
const signatureLen = 2 * sha256.Size

// A signingKey is a derived key, ready to sign. It is safe for concurrent use.
type signingKey struct {
	macs sync.Pool // of *mac
}

// A mac is a keyed HMAC with the memory that one signature takes.
type mac struct {
	hmac hash.Hash
	buf  []byte
}

// maxBufBytes is the most memory that a mac keeps between signatures.
const maxBufBytes = 16 << 10

// derive makes the signing key of a secret access key for a scope.
func derive(secret []byte, s scope) *signingKey {
	key := append([]byte("AWS4"), secret...)
	for _, part := range [...]string{s.date, s.region, s.service, terminator} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		clear(key)
		key = h.Sum(key[:0])
	}
	k := &signingKey{sync.Pool{New: func() any { return newMAC(key) }}}
	k.macs.Put(newMAC(key))
	return k
}

// newMAC makes a mac, whose HMAC has its key already hashed, once and for all.
func newMAC(key []byte) *mac {
	h := hmac.New(sha256.New, key)
	h.Reset()
	return &mac{hmac: h, buf: make([]byte, 0, 1024)}
}

// sign returns the signature of a message. It reports false if the message lacks
// a header that is to be signed.
func (k *signingKey) sign(m *message) (signature [signatureLen]byte, ok bool) {
	c := k.macs.Get().(*mac)
	c.buf, ok = m.appendCanonical(c.buf[:0])
	digest := sha256.Sum256(c.buf)
	c.buf = m.appendStringToSign(c.buf[:0], digest[:])
	c.hmac.Reset()
	c.hmac.Write(c.buf)
	c.buf = c.hmac.Sum(c.buf[:0])
	hex.Encode(signature[:], c.buf)
	if cap(c.buf) <= maxBufBytes {
		k.macs.Put(c)
	}
	return signature, ok
}

// A keyID names a derived key. It has the secret's hash, so that a secret that
// was changed finds nothing.
type keyID struct {
	secret [sha256.Size]byte
	scope  scope
}

// generationSize bounds a keyCache: it has two generations of so many keys, of
// about 1 KiB each.
const generationSize = 1024

// A keyCache keeps the derived keys in use. Keys go into the young generation; when
// it is full, it becomes the old one, and what was in the old one and not used since
// is forgotten. The zero value is empty. It is safe for concurrent use.
type keyCache struct {
	mu         sync.RWMutex
	young, old map[keyID]*signingKey
}

// get returns the key, or nil.
func (c *keyCache) get(id keyID) *signingKey {
	c.mu.RLock()
	key := c.young[id]
	if key != nil {
		c.mu.RUnlock()
		return key
	}
	key = c.old[id]
	c.mu.RUnlock()
	if key != nil {
		c.put(id, key)
	}
	return key
}

// put keeps the key.
func (c *keyCache) put(id keyID, key *signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= generationSize {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = make(map[keyID]*signingKey)
	}
	// The parts may be substrings of a whole header, which is not worth keeping.
	id.scope = scope{strings.Clone(id.scope.date), strings.Clone(id.scope.region), strings.Clone(id.scope.service)}
	c.young[id] = key
}
