// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package boltkv is the embedded engine: a kv.Store in one bbolt file, without set-up.
//
// bbolt is a copy-on-write B+tree of which one process reads and writes the file. A
// commit writes the changed pages to free places, syncs, writes one of two meta pages
// that alternate, and syncs again; so the last or the last but one state is always
// whole. It syncs per commit, so writers share commits: an Update that comes while
// another commits waits its turn, and the next commit takes all that wait. Each runs
// on its caller's goroutine, one after another, over the writes of those before it
// in its batch, and returns when the batch is durable.
//
// The list of free pages is kept in memory and not in the file, where each commit would
// write all of it: Open finds the free pages as those that nothing uses. So a commit
// costs the same in a file with a million free pages as in one with none.
//
// What bbolt leaves open, this package closes:
//
//   - its pages have no checksums and it believes what it reads, so Open walks the whole
//     file first, and each record carries a CRC that each read verifies;
//   - after a failed sync nobody knows what the disk holds, so the store refuses
//     further writes until it is opened again, and takes back what readers could see
//     of the failed commit; a full disk, which loses nothing, is not such a fault.
//
// Between writing the meta page and the end of the second sync, a View may see a commit
// that a loss of power can still undo. It never sees one that was refused. A View that
// stays open keeps the pages of its snapshot from being used again: the file grows.
package boltkv

import (
	"context"
	"errors"
	"iter"
	"os"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/feed"
)

// Options are what can be chosen about a Store. The zero value is good.
type Options struct {
	// LockWait is how long Open waits for another process to let go of the file
	// before it answers kv.ErrLocked; zero means one second.
	LockWait time.Duration
	// WatchEvents is how many changes are kept in memory for Watch; zero means
	// feed.DefaultEvents.
	WatchEvents int
}

func (o Options) lockWait() time.Duration {
	if o.LockWait <= 0 {
		return time.Second
	}
	return o.LockWait
}

// A Store is a kv.Store in a file. See the package comment.
type Store struct {
	path string
	file *os.File // bbolt's own, which it closes
	db   *bolt.DB
	feed *feed.Feed

	using gate
	close func() error // what Close does, the first time
	line  line
	fault error       // why writing stopped; only for the holder of the turn
	blind atomic.Bool // a failed commit is still visible, so reading stopped too

	stopped atomic.Bool // there is a fault, for anybody

	updates, commits atomic.Int64
}

var _ kv.Store = (*Store)(nil)

// Stats are numbers since the store was opened.
type Stats struct {
	Updates int64 // calls of Update that wrote something and were committed
	Commits int64 // commits that they took, each of two syncs or three if the file grew
}

// Stats returns the store's numbers.
func (s *Store) Stats() Stats {
	return Stats{Updates: s.updates.Load(), Commits: s.commits.Load()}
}

// Writable reports whether Updates can be committed: not any more after a fault of the
// disk, until a restart. A full disk is no such fault.
func (s *Store) Writable() bool { return !s.stopped.Load() }

// View is kv.Store's.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	if !s.using.enter() {
		return 0, kv.ErrClosed
	}
	defer s.using.leave()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	snap, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.end()
	return snap.rev, fn(snap)
}

// Watch is kv.Store's. The history is kept in memory and begins when the store is
// opened: an earlier revision answers kv.ErrCompacted.
func (s *Store) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	return s.feed.Watch(ctx, prefix, after)
}

// Close is kv.Store's. Called inside a transaction it never returns.
func (s *Store) Close() error { return s.close() }

// begin opens a read transaction.
func (s *Store) begin(ctx context.Context) (*snapshot, error) {
	if s.blind.Load() {
		return nil, errors.Join(kv.ErrReadOnly, errors.New("a failed commit could not be taken back; restart"))
	}
	tx, err := s.beginBolt(false)
	if err != nil {
		return nil, err
	}
	return newSnapshot(ctx, s.path, tx)
}

// beginBolt begins a transaction of bbolt.
func (s *Store) beginBolt(writable bool) (tx *bolt.Tx, err error) {
	err = guard(s.path, func() (err error) {
		tx, err = s.db.Begin(writable)
		return err
	})
	return tx, err
}
