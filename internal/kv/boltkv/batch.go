// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// The bounds of a batch keep the first of it from waiting long for the last. They are
// looked at before another Update joins, so one may carry a batch past them.
const (
	maxBatchUpdates = 256
	maxBatchBytes   = 4 << 20 // keys and values written
)

// A batch is the Updates that share a commit. Each reads the state before the batch
// under the writes of those before it, and has a revision of its own. Only the holder
// of the turn touches it, but for done and err.
type batch struct {
	base   *snapshot      // of bbolt's write transaction
	layer  *overlay.Layer // what the Updates so far have written
	rev    kv.Rev         // of the last Update that wrote
	events []kv.Event

	updates, bytes int // that have run; that they wrote

	done chan struct{} // closed when the commit is over
	err  error         // why it failed; to be read once done is closed
}

// newBatch begins a batch, or says why the store does not write.
func (s *Store) newBatch() (*batch, error) {
	if s.fault != nil {
		return nil, s.fault
	}
	tx, err := s.beginBolt(true)
	if err != nil {
		return nil, err
	}
	// A batch has no context of its own: it is its first caller's in no greater measure
	// than its last one's.
	base, err := newSnapshot(context.Background(), s.path, tx)
	if err != nil {
		return nil, err
	}
	return &batch{
		base: base, layer: overlay.NewLayer(base), rev: base.rev,
		done: make(chan struct{}),
	}, nil
}

// run runs fn over what the batch has so far, and takes its writes in if it returns nil.
// It returns the revision of the state that fn leaves.
func (b *batch) run(fn func(kv.Tx) error) (kv.Rev, error) {
	b.updates++
	tx := overlay.New(b.layer)
	defer tx.End()
	if err := fn(tx); err != nil {
		return 0, err
	}
	events, err := b.changes(tx)
	if err != nil || len(events) == 0 {
		return b.rev, err
	}
	b.rev++
	for _, e := range events {
		b.layer.Set(e.Key, e.Value)
		b.bytes += len(e.Key) + len(e.Value)
	}
	b.events = append(b.events, events...)
	return b.rev, nil
}

// changes returns what tx changes, in the next revision.
func (b *batch) changes(tx *overlay.Tx) ([]kv.Event, error) {
	var events []kv.Event
	for key, value := range tx.Writes() {
		if value == nil {
			old, err := b.layer.Get(key)
			if err != nil {
				return nil, err
			}
			if old == nil {
				continue
			}
		}
		events = append(events, kv.Event{Rev: b.rev + 1, Key: key, Value: value})
	}
	return events, nil
}

// dirty reports whether the batch has anything to commit, so that what was read in it
// is only true once it is.
func (b *batch) dirty() bool { return len(b.events) > 0 }

func (b *batch) full() bool {
	return b.updates >= maxBatchUpdates || b.bytes >= maxBatchBytes
}
