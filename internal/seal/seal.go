// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package seal encrypts every record of a store, below everything that writes one.
//
// Three layers of keys, each kept under the next:
//
//	record       AES-256-GCM under the newest of the data keys
//	data keys    in the keyring, a record of the same store, under the keyring's own key
//	keyring key  wrapped by the root key, which is outside of the store: see Root
//
// Changing the root (Rewrap) replaces the last layer and rewrites one record.
// Changing the data key (Rotate) adds one to the keyring; older ones go on reading
// until Reseal has rewritten what they sealed, and are then dropped.
//
// A Store is a kv.Store over another one, so nothing above it can forget to seal. A
// record is bound to its key, its format and its data key: one that was changed,
// moved or swapped with another answers ErrTampered, and no other record does.
//
// What it does not hide or prevent: keys, lengths of values and times of writes are
// visible in the store; whoever can write to the store can delete a record, or put
// an older state of the same record, or of the whole store, back.
//
// Several processes may share a store. A transaction that writes reads the keyring
// too and starts again if it was changed, so no record is ever written under a data
// key that was already replaced, let alone dropped.
//
// Limits of hygiene: key bytes are overwritten after use, and the rest on Close, but
// the expanded AES keys and what the garbage collector moved or left are out of reach.
package seal

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Reserved is the prefix of the keys that a Store keeps for itself: Get, Put and
// Delete answer ErrReserved for them, Scan and Watch pass over them.
const Reserved = "sys/seal/"

const keyringKey = Reserved + "keyring"

// Errors to be tested with errors.Is.
var (
	// ErrTampered says that a record, or the keyring, is not what was written: it was
	// changed, moved, truncated or removed.
	ErrTampered = errors.New("seal: record failed authentication")
	// ErrWrongRoot says that the root key is not the one that the keyring is wrapped by.
	ErrWrongRoot = errors.New("seal: wrong root key")
	// ErrReserved says that a key is one of those with the prefix Reserved.
	ErrReserved = errors.New("seal: key is reserved")
)

const (
	// MaxSeals is how many records one data key may seal with random nonces: NIST SP
	// 800-38D, section 8.3.
	MaxSeals = 1 << 32
	// DefaultLease is how many of them a Store takes at a time: see Options.Lease.
	DefaultLease = 1 << 16
)

// Options adjusts a Store. The zero value means the defaults.
type Options struct {
	// Now is the clock that dates new data keys; nil means time.Now.
	Now func() time.Time
	// Seals is how many records a data key seals before a new one takes over by
	// itself; zero means MaxSeals. It is at least Lease.
	Seals uint64
	// Lease is how many seals a Store books in the keyring before it uses them, so
	// that none is forgotten by a crash; what is left of a lease when the store closes
	// counts as used. Zero means DefaultLease; an Update can't write more records.
	Lease uint64
}

func (o Options) withDefaults() (Options, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seals == 0 {
		o.Seals = MaxSeals
	}
	if o.Lease == 0 {
		o.Lease = min(DefaultLease, o.Seals)
	}
	if o.Lease > o.Seals || o.Seals > MaxSeals {
		return o, fmt.Errorf("seal: options: want lease %d <= seals %d <= %d", o.Lease, o.Seals, uint64(MaxSeals))
	}
	return o, nil
}

// A Store is a kv.Store whose values are sealed in another one. It keeps kv.Store's
// contract, with these additions: a record that was tampered with answers ErrTampered,
// which ends the Scan or Watch that meets it; a new store begins at the revision of
// its keyring; Reseal shows to watchers as changes to equal values; and a Watch may
// answer kv.ErrCompacted for changes whose data key was dropped.
type Store struct {
	inner kv.Store
	opts  Options
	ring  atomic.Pointer[ring]
	lease atomic.Pointer[lease]

	admin sync.Mutex // held while this process changes the keyring; taken before mu

	mu     sync.Mutex // guards what follows, and writes of ring
	root   Root
	master secret.Value // what Derive derives from
	closed bool
}

var _ kv.Store = (*Store)(nil)

// Open returns a Store over store, which it takes over if it returns no error: Close
// closes both. An empty store gets a keyring, and root may make its key for it.
// Otherwise the keyring must open with root: the error is ErrWrongRoot for another
// one, ErrTampered for a keyring that is damaged or was removed, or root's own, such
// as fs.ErrNotExist for a key file that is missing.
func Open(ctx context.Context, store kv.Store, root Root, opts Options) (*Store, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{inner: store, opts: opts, root: root}
	raw, err := s.readKeyring(ctx)
	if err != nil {
		return nil, err
	}
	var env *envelope
	if raw == nil {
		if raw, env, err = s.create(ctx); err != nil {
			return nil, err
		}
	}
	keys, env, err := unlock(ctx, root, raw, env)
	if err != nil {
		return nil, err
	}
	defer keys.wipe()
	r, err := newRing(raw, env, keys)
	if err != nil {
		return nil, err
	}
	s.master = secret.New(slices.Clone(keys.master[:]))
	s.ring.Store(r)
	return s, nil
}

// Close closes the underlying store and forgets the keys. Closing again does no harm.
func (s *Store) Close() error {
	err := s.inner.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.master.Wipe()
	return err
}

// Derive returns a 256-bit key for the purpose that label names, for the caller to
// keep. It stays the same for the life of the store, whatever is rotated or rewrapped,
// and tells nothing of the key for another label, or of any data key. After Close it
// answers kv.ErrClosed.
func (s *Store) Derive(label string) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return secret.Value{}, kv.ErrClosed
	}
	key, err := hkdf.Key(sha256.New, s.master.Reveal(), nil, "coffer derive 1: "+label, keySize)
	if err != nil {
		return secret.Value{}, fmt.Errorf("seal: deriving a key: %w", err)
	}
	return secret.New(key), nil
}

// KeyInfo describes a data key.
type KeyInfo struct {
	ID      uint32
	Created time.Time // UTC, whole seconds
	Newest  bool      // it seals what is written; the others only read
	Seals   uint64    // how many records it has sealed at most
}

// Keys returns the data keys as this Store last saw them, oldest first.
func (s *Store) Keys() []KeyInfo { return slices.Clone(s.ring.Load().info) }

func reserved(key string) bool { return strings.HasPrefix(key, Reserved) }

func tampered(key, format string, args ...any) error {
	return fmt.Errorf("%w: %q: %w", ErrTampered, key, fmt.Errorf(format, args...))
}
