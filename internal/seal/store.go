// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// aadRoom is the associated data, in bytes, of all but unusually long keys.
const aadRoom = 160

// A reader opens what it reads from one transaction of the underlying store.
type reader struct {
	ctx   context.Context // of the transaction
	store *Store
	in    kv.Reader
	// ring is loaded before the transaction begins: keys that were dropped since are
	// in it, and keys that were added since are in the keyring that the transaction sees.
	ring *ring
	room [aadRoom]byte
}

// Writable is the store's below, if that can tell whether it still takes writes.
func (s *Store) Writable() bool {
	in, ok := s.inner.(interface{ Writable() bool })
	return !ok || in.Writable()
}

// View is kv.Store's.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	r := &reader{ctx: ctx, store: s, ring: s.ring.Load()}
	return s.inner.View(ctx, func(in kv.Reader) error {
		r.in = in
		return fn(r)
	})
}

// Get is kv.Reader's.
func (r *reader) Get(key string) ([]byte, error) {
	if reserved(key) {
		return nil, fmt.Errorf("%w: %q", ErrReserved, key)
	}
	record, err := r.in.Get(key)
	if record == nil || err != nil {
		return nil, err
	}
	return r.open(key, record)
}

// Revision is kv.Revisioned's.
func (r *reader) Revision() (rev kv.Rev, known bool) {
	if in, ok := r.in.(kv.Revisioned); ok {
		return in.Revision()
	}
	return 0, false
}

// Scan is kv.Reader's.
func (r *reader) Scan(rng kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		for pair, err := range r.in.Scan(rng) {
			if err == nil && reserved(pair.Key) {
				continue
			}
			if err == nil {
				pair.Value, err = r.open(pair.Key, pair.Value)
			}
			if err != nil {
				yield(kv.Pair{}, err)
				return
			}
			if !yield(pair, nil) {
				return
			}
		}
	}
}

// open returns the value of a record. The keyring is read again, once, if the record
// names a data key that is not in the ring.
func (r *reader) open(key string, record []byte) ([]byte, error) {
	id, err := recordKeyID(key, record)
	if err != nil {
		return nil, err
	}
	k := r.ring.key(id)
	if k == nil {
		raw, err := r.in.Get(keyringKey)
		if err != nil {
			return nil, err
		}
		if r.ring, err = r.store.adopt(r.ctx, raw); err != nil {
			return nil, fmt.Errorf("reading the keyring for %q: %w", key, err)
		}
		if k = r.ring.key(id); k == nil {
			return nil, tampered(key, "data key %d is not in the keyring", id)
		}
	}
	return k.open(r.room[:], key, record)
}

// A tx seals what it writes to one transaction of the underlying store.
type tx struct {
	reader
	out kv.Tx
	buf []byte // of the last sealed record; engines copy it
	// checked says that the keyring of this transaction was found to be ring.
	checked bool
	// again, once set, makes the transaction fail, to run again when the reason is cured.
	again error
	found []byte // the keyring that is not ring, for errStale
}

// Reasons to run a transaction again.
var (
	errStale   = errors.New("seal: the keyring was changed meanwhile")
	errStarved = errors.New("seal: the lease of seals is used up")
)

// maxAttempts bounds the runs of an Update. Each but the first means that the keyring
// was changed by another process, or that a lease was used up while it ran.
const maxAttempts = 16

// Update is kv.Store's.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	return s.update(ctx, func(t *tx) error { return fn(t) })
}

func (s *Store) update(ctx context.Context, fn func(*tx) error) (kv.Rev, error) {
	t := &tx{reader: reader{ctx: ctx, store: s}}
	for range maxAttempts {
		if err := s.book(ctx); err != nil {
			return 0, err
		}
		t.ring = s.ring.Load()
		rev, err := s.inner.Update(ctx, func(in kv.Tx) error {
			t.in, t.out, t.checked, t.again, t.found = in, in, false, nil, nil
			if err := fn(t); t.again == nil {
				return err
			}
			return t.again
		})
		if t.again == nil || !errors.Is(err, t.again) {
			return rev, err
		}
		if t.again == errStale {
			if _, err := s.adopt(ctx, t.found); err != nil {
				return 0, err
			}
		}
	}
	return 0, fmt.Errorf("after %d attempts: %w", maxAttempts, t.again)
}

// Put is kv.Tx's.
func (t *tx) Put(key string, value []byte) error {
	if err := checkWrite(key, value); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	k := t.ring.newest()
	if !t.store.lease.Load().take(k.id) {
		t.again = errStarved
		return t.again
	}
	t.buf = k.appendRecord(t.buf[:0], t.room[:], key, value)
	return t.out.Put(key, t.buf)
}

// Delete is kv.Tx's.
func (t *tx) Delete(key string) error {
	if err := checkWrite(key, nil); err != nil {
		return err
	}
	return t.out.Delete(key)
}

func checkWrite(key string, value []byte) error {
	switch {
	case reserved(key):
		return fmt.Errorf("%w: %q", ErrReserved, key)
	case key == "":
		return kv.ErrEmptyKey
	case len(key) > kv.MaxKey || len(value) > kv.MaxValue:
		return fmt.Errorf("%w: key of %d bytes, value of %d, at most %d and %d",
			kv.ErrTooLarge, len(key), len(value), kv.MaxKey, kv.MaxValue)
	}
	return nil
}

// check makes sure, by reading it in the transaction, that the keyring is the one in
// use: then it still is when the transaction commits.
func (t *tx) check() error {
	if t.again != nil || t.checked {
		return t.again
	}
	raw, err := t.in.Get(keyringKey)
	if err != nil {
		return err
	}
	if !bytes.Equal(raw, t.ring.raw) {
		t.again, t.found = errStale, bytes.Clone(raw)
		return t.again
	}
	t.checked = true
	return nil
}

// Watch is kv.Store's.
func (s *Store) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		r := &reader{ctx: ctx, store: s, ring: s.ring.Load()}
		for event, err := range s.inner.Watch(ctx, prefix, after) {
			if err == nil && reserved(event.Key) {
				continue
			}
			if err == nil && event.Value != nil {
				event.Value, err = r.openEvent(event)
			}
			if err != nil {
				yield(kv.Event{}, err)
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// openEvent is open for a change, which belongs to no snapshot: the keyring is the
// current one, and may have dropped the data key of a change long past.
func (r *reader) openEvent(event kv.Event) ([]byte, error) {
	id, err := recordKeyID(event.Key, event.Value)
	if err != nil {
		return nil, err
	}
	if r.ring.key(id) == nil {
		if r.ring, err = r.store.refresh(r.ctx); err != nil {
			return nil, err
		}
	}
	switch k := r.ring.key(id); {
	case k != nil:
		return k.open(r.room[:], event.Key, event.Value)
	case id > 0 && id <= r.ring.lastID:
		return nil, kv.ErrCompacted
	default:
		return nil, tampered(event.Key, "data key %d is not in the keyring", id)
	}
}
