// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// readKeyring returns the keyring's record, or nil if the store is empty.
func (s *Store) readKeyring(ctx context.Context) (raw []byte, err error) {
	_, err = s.inner.View(ctx, func(in kv.Reader) error {
		raw, err = keyringOrEmpty(in)
		return err
	})
	return raw, err
}

func keyringOrEmpty(in kv.Reader) ([]byte, error) {
	raw, err := in.Get(keyringKey)
	if raw != nil || err != nil {
		return bytes.Clone(raw), err
	}
	for _, err := range in.Scan(kv.Range{}) {
		if err == nil {
			err = errNoKeyring()
		}
		return nil, err
	}
	return nil, nil
}

func errNoKeyring() error {
	return tampered(keyringKey, "the store has records but no keyring: restore it from a backup")
}

// create puts a keyring into an empty store. If another process was faster, it
// returns that one's record. The envelope is the one made here.
func (s *Store) create(ctx context.Context) ([]byte, *envelope, error) {
	env, err := newEnvelope(ctx, s.root)
	if err != nil {
		return nil, nil, err
	}
	keys := newKeyring(s.opts.Now())
	defer keys.wipe()
	made := env.seal(keys)
	var raw []byte
	_, err = s.inner.Update(ctx, func(in kv.Tx) (err error) {
		if raw, err = keyringOrEmpty(in); raw != nil || err != nil {
			return err
		}
		raw = made
		return in.Put(keyringKey, made)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("seal: creating the keyring: %w", err)
	}
	return raw, env, nil
}

// adopt returns the ring for a record of the keyring, asking the root if it must, and
// puts it to use. That it may come from an old snapshot does no harm: whoever then
// misses a key, or writes, finds the newer record and adopts that.
func (s *Store) adopt(ctx context.Context, raw []byte) (*ring, error) {
	if raw == nil {
		return nil, errNoKeyring()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.ring.Load()
	if bytes.Equal(now.raw, raw) {
		return now, nil
	}
	keys, env, err := unlock(ctx, s.root, raw, now.env)
	if err != nil {
		return nil, err
	}
	defer keys.wipe()
	r, err := newRing(bytes.Clone(raw), env, keys)
	if err != nil {
		return nil, err
	}
	s.ring.Store(r)
	return r, nil
}

// refresh adopts the keyring as it is in the store.
func (s *Store) refresh(ctx context.Context) (*ring, error) {
	raw, err := s.readKeyring(ctx)
	if err != nil {
		return nil, err
	}
	return s.adopt(ctx, raw)
}

// change edits the keyring in one transaction and puts the result to use. If env is
// not nil, the result is sealed by it. edit may run several times. The caller holds
// admin.
func (s *Store) change(ctx context.Context, env *envelope, edit func(*keyring) error) error {
	for range maxAttempts {
		now := s.ring.Load()
		next, err := edited(ctx, now, env, edit)
		if err != nil {
			return err
		}
		var found []byte
		_, err = s.inner.Update(ctx, func(in kv.Tx) error {
			raw, err := in.Get(keyringKey)
			if err != nil {
				return err
			}
			if found = bytes.Clone(raw); !bytes.Equal(found, now.raw) {
				return errStale
			}
			return in.Put(keyringKey, next.raw)
		})
		if err == nil {
			s.mu.Lock()
			s.ring.Store(next)
			s.mu.Unlock()
			return nil
		}
		if !errors.Is(err, errStale) {
			return fmt.Errorf("seal: writing the keyring: %w", err)
		}
		if _, err := s.adopt(ctx, found); err != nil {
			return err
		}
	}
	return fmt.Errorf("after %d attempts: %w", maxAttempts, errStale)
}

func edited(ctx context.Context, now *ring, env *envelope, edit func(*keyring) error) (*ring, error) {
	keys, _, err := unlock(ctx, nil, now.raw, now.env) // no root: the envelope is known
	if err != nil {
		return nil, err
	}
	defer keys.wipe()
	if err := edit(keys); err != nil {
		return nil, err
	}
	if env == nil {
		env = now.env
	}
	return newRing(env.seal(keys), env, keys)
}

// Rotate adds a data key, which seals what is written from now on, in this process
// and in others on the store. Records under older keys are read as before: see Reseal.
func (s *Store) Rotate(ctx context.Context) error {
	s.admin.Lock()
	defer s.admin.Unlock()
	return s.change(ctx, nil, s.rotate)
}

func (s *Store) rotate(k *keyring) error {
	if len(k.keys) >= maxKeys {
		return fmt.Errorf("seal: the keyring holds %d data keys, the most it can: reseal first", len(k.keys))
	}
	k.add(s.opts.Now())
	return nil
}

// Rewrap puts the keyring under another root, in one transaction: before it the old
// root opens the store, after it only the new one. No record is rewritten, and the
// keyring gets a key of its own anew. Other processes on the store must be started
// again with the new root; until then they read but no longer write.
//
// Whoever kept both the old root key and an old copy of the store can still open that
// copy, and learn from it the data keys that are in use: after a leak, Rotate and
// Reseal too.
func (s *Store) Rewrap(ctx context.Context, root Root) error {
	env, err := newEnvelope(ctx, root)
	if err != nil {
		return err
	}
	s.admin.Lock()
	defer s.admin.Unlock()
	if err := s.change(ctx, env, func(*keyring) error { return nil }); err != nil {
		return err
	}
	s.mu.Lock()
	s.root = root
	s.mu.Unlock()
	return nil
}
