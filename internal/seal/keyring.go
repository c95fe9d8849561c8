// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// keySize is the length of every key here, in bytes: AES-256.
const keySize = 32

// maxKeys is how many data keys a keyring holds at most, which keeps its record well
// under kv.MaxValue. Reseal makes room.
const maxKeys = 1024

// A keyring is the plaintext of the keyring's record. It lives only while the record
// is read or changed; what works on are the ciphers in a ring. In bytes:
//
//	last id 4 | master 32 | { id 4 | created 8 | booked 8 | key 32 } ...
type keyring struct {
	lastID uint32 // the highest id ever given
	master [keySize]byte
	keys   []keyEntry // ascending ids; the last one is the newest
}

type keyEntry struct {
	id      uint32
	created int64  // Unix seconds
	booked  uint64 // seals that were leased
	key     [keySize]byte
}

const (
	keyringFixed = 4 + keySize
	entrySize    = 4 + 8 + 8 + keySize
)

func newKeyring(now time.Time) *keyring {
	k := &keyring{}
	random(&k.master)
	k.add(now)
	return k
}

// random fills key; crypto/rand never fails.
func random(key *[keySize]byte) { _, _ = rand.Read(key[:]) }

// add makes a data key, the newest from now on.
func (k *keyring) add(now time.Time) {
	k.lastID++
	// A copy that grows would leave keys behind in the old array, unwiped.
	grown := make([]keyEntry, 0, len(k.keys)+1)
	grown = append(grown, k.keys...)
	clear(k.keys)
	k.keys = append(grown, keyEntry{id: k.lastID, created: now.Unix()})
	random(&k.newest().key)
}

func (k *keyring) newest() *keyEntry { return &k.keys[len(k.keys)-1] }

// dropBelow removes the data keys with ids below id.
func (k *keyring) dropBelow(id uint32) {
	k.keys = slices.DeleteFunc(k.keys, func(e keyEntry) bool { return e.id < id })
}

func (k *keyring) wipe() {
	clear(k.master[:])
	clear(k.keys[:cap(k.keys)])
}

func (k *keyring) encode() []byte {
	b := make([]byte, 0, keyringFixed+len(k.keys)*entrySize)
	b = binary.BigEndian.AppendUint32(b, k.lastID)
	b = append(b, k.master[:]...)
	for i := range k.keys {
		e := &k.keys[i]
		b = binary.BigEndian.AppendUint32(b, e.id)
		b = binary.BigEndian.AppendUint64(b, uint64(e.created))
		b = binary.BigEndian.AppendUint64(b, e.booked)
		b = append(b, e.key[:]...)
	}
	return b
}

var errKeyringForm = errors.New("keyring is malformed")

// decodeKeyring is encode's inverse. The result shares no bytes with b.
func decodeKeyring(b []byte) (*keyring, error) {
	n := (len(b) - keyringFixed) / entrySize
	if len(b) < keyringFixed+entrySize || len(b) != keyringFixed+n*entrySize || n > maxKeys {
		return nil, errKeyringForm
	}
	k := &keyring{
		lastID: binary.BigEndian.Uint32(b),
		master: [keySize]byte(b[4:]),
		keys:   make([]keyEntry, n),
	}
	for i, last := 0, uint32(0); i < n; i++ {
		e := b[keyringFixed+i*entrySize:]
		k.keys[i] = keyEntry{
			id:      binary.BigEndian.Uint32(e),
			created: int64(binary.BigEndian.Uint64(e[4:])),
			booked:  binary.BigEndian.Uint64(e[12:]),
			key:     [keySize]byte(e[20:]),
		}
		if k.keys[i].id <= last || k.keys[i].id > k.lastID {
			k.wipe()
			return nil, errKeyringForm
		}
		last = k.keys[i].id
	}
	return k, nil
}

// A dataKey is a data key in use.
type dataKey struct {
	id   uint32
	aead cipher.AEAD
}

// A ring is the keyring in use, immutable: a change makes a new one.
type ring struct {
	raw    []byte // the record it was read from
	env    *envelope
	lastID uint32
	keys   []dataKey // ascending ids
	info   []KeyInfo
}

func newRing(raw []byte, env *envelope, k *keyring) (*ring, error) {
	r := &ring{raw: raw, env: env, lastID: k.lastID}
	for i := range k.keys {
		e := &k.keys[i]
		aead, err := newAEAD(&e.key)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, dataKey{id: e.id, aead: aead})
		r.info = append(r.info, KeyInfo{
			ID: e.id, Created: time.Unix(e.created, 0).UTC(), Seals: e.booked, Newest: i == len(k.keys)-1,
		})
	}
	return r, nil
}

// newest returns the data key that seals.
func (r *ring) newest() *dataKey { return &r.keys[len(r.keys)-1] }

// key returns the data key with the id, or nil.
func (r *ring) key(id uint32) *dataKey {
	if k := r.newest(); k.id == id {
		return k
	}
	i, found := slices.BinarySearchFunc(r.keys, id, func(k dataKey, id uint32) int { return cmp.Compare(k.id, id) })
	if !found {
		return nil
	}
	return &r.keys[i]
}

// newAEAD returns AES-256-GCM that makes its own nonces and puts them first.
func newAEAD(key *[keySize]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return aead, nil
}
