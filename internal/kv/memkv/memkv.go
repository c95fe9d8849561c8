// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package memkv is a store in memory, for tests: the simplest engine that keeps the
// whole contract but durability.
//
// Each state is an immutable sorted slice, replaced as a whole by an Update: reads
// cost a binary search, a write costs a copy of all pairs.
package memkv

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/feed"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// A Store is a kv.Store in memory. Updates run one after another.
type Store struct {
	feed    *feed.Feed
	writing sync.Mutex     // held by the one Update that runs
	using   sync.WaitGroup // transactions under way; added to under mu only

	mu     sync.Mutex
	state  state
	closed bool
}

type state struct {
	rev   kv.Rev
	pairs []kv.Pair // sorted by key, never changed
}

var _ kv.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{feed: feed.New(0, 0)} }

// begin returns the current state and keeps Close waiting until end is called.
func (s *Store) begin(ctx context.Context) (state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return state{}, kv.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return state{}, err
	}
	s.using.Add(1)
	return s.state, nil
}

// View is kv.Store's.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.using.Done()
	tx := overlay.New(now)
	defer tx.End()
	return now.rev, fn(reader{tx, now.rev})
}

// reader hides the writing half of a transaction.
type reader struct {
	kv.Reader
	rev kv.Rev
}

// Revision is kv.Revisioned's.
func (r reader) Revision() (kv.Rev, bool) { return r.rev, true }

// Update is kv.Store's.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	now, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.using.Done()
	tx := overlay.New(now)
	defer tx.End()
	if err := fn(tx); err != nil {
		return 0, err
	}
	next, events := now.with(tx)
	s.mu.Lock()
	s.state = next
	s.mu.Unlock()
	s.feed.Publish(events)
	return next.rev, nil
}

// Watch is kv.Store's.
func (s *Store) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	return s.feed.Watch(ctx, prefix, after)
}

// Close is kv.Store's.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.using.Wait()
	s.feed.Close()
	return nil
}

// with returns the state after tx's writes, and the changes that lead to it.
func (st state) with(tx *overlay.Tx) (state, []kv.Event) {
	var events []kv.Event
	next := state{rev: st.rev + 1, pairs: slices.Clone(st.pairs)}
	for key, value := range tx.Writes() {
		i, found := next.find(key)
		switch {
		case value != nil && found:
			next.pairs[i].Value = value
		case value != nil:
			next.pairs = slices.Insert(next.pairs, i, kv.Pair{Key: key, Value: value})
		case found:
			next.pairs = slices.Delete(next.pairs, i, i+1)
		default:
			continue
		}
		events = append(events, kv.Event{Rev: next.rev, Key: key, Value: value})
	}
	if len(events) == 0 {
		return st, nil
	}
	return next, events
}

func (st state) find(key string) (int, bool) {
	return slices.BinarySearchFunc(st.pairs, key, func(p kv.Pair, key string) int {
		return strings.Compare(p.Key, key)
	})
}

// Get is kv.Reader's.
func (st state) Get(key string) ([]byte, error) {
	if i, found := st.find(key); found {
		return st.pairs[i].Value, nil
	}
	return nil, nil
}

// Scan is kv.Reader's.
func (st state) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		start, end := r.Bounds()
		from, _ := st.find(start)
		to := len(st.pairs)
		if end != "" {
			to, _ = st.find(end)
		}
		pairs := st.pairs[from:max(from, to)]
		for i := range pairs {
			if r.Reverse {
				i = len(pairs) - 1 - i
			}
			if !yield(pairs[i], nil) {
				return
			}
		}
	}
}
