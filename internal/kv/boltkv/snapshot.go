// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"context"
	"iter"

	bolt "go.etcd.io/bbolt"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// A snapshot reads the records of one bbolt transaction. It must only be used while
// nothing was written through that transaction: cursors of bbolt stumble over pages
// that a deletion has left empty.
type snapshot struct {
	ctx  context.Context
	path string
	tx   *bolt.Tx
	data *bolt.Bucket // nil once ended
	at   *bolt.Cursor // of Get, one for all, which saves the making of others
	rev  kv.Rev
}

// Revision is kv.Revisioned's.
func (s *snapshot) Revision() (kv.Rev, bool) { return s.rev, true }

// newSnapshot takes tx over, and ends it should it fail.
func newSnapshot(ctx context.Context, path string, tx *bolt.Tx) (*snapshot, error) {
	s := &snapshot{ctx: ctx, path: path, tx: tx}
	err := guard(path, func() error {
		if s.data = tx.Bucket(dataBucket); s.data == nil {
			return damaged(path, "it has no data")
		}
		s.at = s.data.Cursor()
		s.rev = kv.Rev(s.data.Sequence())
		return nil
	})
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// end ends the transaction; without effect if that has been done.
func (s *snapshot) end() {
	s.data = nil
	// An error says that the transaction has ended already, or that the file is damaged:
	// who used the transaction has been told.
	_ = guard(s.path, s.tx.Rollback)
}

// Get is kv.Reader's.
func (s *snapshot) Get(key string) (value []byte, err error) {
	if s.data == nil {
		return nil, overlay.ErrEnded
	}
	err = guard(s.path, func() error {
		k, rec := s.at.Seek([]byte(key))
		if string(k) != key {
			return nil
		}
		value, err = s.value(k, rec)
		return err
	})
	return value, err
}

func (s *snapshot) value(key, rec []byte) ([]byte, error) {
	value, ok := valueOf(key, rec)
	if !ok {
		return nil, damaged(s.path, "the record of key %q is not what was written", key)
	}
	return value, nil
}

// Scan is kv.Reader's. It ends with the context's error when that is done.
func (s *snapshot) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		if s.data == nil {
			yield(kv.Pair{}, overlay.ErrEnded)
			return
		}
		walk := newWalk(s.data, r)
		for {
			pair, err := s.next(walk)
			if err != nil {
				yield(kv.Pair{}, err)
				return
			}
			if pair.Value == nil || !yield(pair, nil) {
				return
			}
		}
	}
}

// next returns the walk's next pair, with a nil value after the last.
func (s *snapshot) next(w *walk) (pair kv.Pair, err error) {
	if s.data == nil {
		return pair, overlay.ErrEnded
	}
	if err := s.ctx.Err(); err != nil {
		return pair, err
	}
	err = guard(s.path, func() error {
		k, rec := w.step()
		if k == nil {
			return nil
		}
		pair.Key = string(k)
		pair.Value, err = s.value(k, rec)
		return err
	})
	return pair, err
}

// A walk moves a cursor through a range.
type walk struct {
	cursor     *bolt.Cursor
	start, end string
	reverse    bool
	step       func() (key, rec []byte)
}

func newWalk(data *bolt.Bucket, r kv.Range) *walk {
	w := &walk{cursor: data.Cursor(), reverse: r.Reverse}
	w.start, w.end = r.Bounds()
	w.step = w.first
	return w
}

// first goes to the range's first key, and leaves step to go on.
func (w *walk) first() ([]byte, []byte) {
	if !w.reverse {
		w.step = func() ([]byte, []byte) { return w.bounded(w.cursor.Next()) }
		return w.bounded(w.cursor.Seek([]byte(w.start)))
	}
	w.step = func() ([]byte, []byte) { return w.bounded(w.cursor.Prev()) }
	if w.end != "" {
		if k, _ := w.cursor.Seek([]byte(w.end)); k != nil {
			return w.bounded(w.cursor.Prev())
		}
	}
	return w.bounded(w.cursor.Last())
}

// bounded returns its arguments, or nil when key is outside the range.
func (w *walk) bounded(key, rec []byte) ([]byte, []byte) {
	if key == nil || string(key) < w.start || (w.end != "" && string(key) >= w.end) {
		return nil, nil
	}
	return key, rec
}
