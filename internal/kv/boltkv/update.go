// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"syscall"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// Update is kv.Store's. fn runs once, on the caller's goroutine, so that its panics, its
// runtime.Goexit and its locks are the caller's own; the last of a batch to run commits
// for all. An fn that is slow delays those before it in the batch and all after it.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	if !s.using.enter() {
		return 0, kv.ErrClosed
	}
	defer s.using.leave()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b, err := s.line.join(ctx)
	if err != nil {
		return 0, err
	}
	return s.take(ctx, b, fn)
}

// take runs fn with the turn, passes the turn on, and waits until what fn saw and wrote
// is durable. An fn that refused did so upon what it saw: that too must be true first.
func (s *Store) take(ctx context.Context, b *batch, fn func(kv.Tx) error) (kv.Rev, error) {
	rev, wait, err := s.runInTurn(ctx, &b, fn)
	if wait {
		<-b.done
		if b.err != nil {
			return 0, b.err
		}
	}
	if err != nil {
		return 0, err
	}
	return rev, nil
}

// runInTurn runs fn in *b, which it begins if there is none. It passes the turn on
// even when fn panics. It reports whether to wait for the batch.
func (s *Store) runInTurn(ctx context.Context, b **batch, fn func(kv.Tx) error) (rev kv.Rev, wait bool, err error) {
	defer func() { s.pass(*b) }()
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	if *b == nil {
		if *b, err = s.newBatch(); err != nil {
			return 0, false, err
		}
	}
	rev, err = (*b).run(fn)
	return rev, (*b).dirty(), err
}

// pass gives the turn to the next in line; if nobody is or the batch is full, it
// commits first. Before that it lets who is about to come, come: those whom the last
// commit has just woken, else a commit of few and one of many would alternate.
func (s *Store) pass(b *batch) {
	if b != nil {
		if s.join(b) {
			return
		}
		runtime.Gosched()
		if s.join(b) {
			return
		}
		s.finish(b)
	}
	s.line.release()
}

// join reports whether there is a next in line to whom the batch has been given.
func (s *Store) join(b *batch) bool { return !b.full() && s.line.pass(b) }

// finish commits the batch and tells its members.
func (s *Store) finish(b *batch) {
	defer close(b.done)
	defer b.base.end()
	if !b.dirty() {
		return
	}
	txid := b.base.tx.ID()
	if err := guard(s.path, b.commit); err != nil {
		b.base.end() // so that its lock is not held when the state is looked at
		b.err = s.failed(txid, err)
		return
	}
	s.commits.Add(1)
	s.updates.Add(int64(b.events[len(b.events)-1].Rev - b.events[0].Rev + 1))
	s.feed.Publish(b.events)
}

// commit writes the batch with bbolt, which syncs.
func (b *batch) commit() error {
	for key, value := range b.layer.Writes() {
		k := []byte(key)
		var err error
		if value == nil {
			err = b.base.data.Delete(k)
		} else {
			err = b.base.data.Put(k, record(k, value))
		}
		if err != nil {
			return err
		}
	}
	if err := setRev(b.base.tx, b.rev); err != nil {
		return err
	}
	return b.base.tx.Commit()
}

// failed decides what a commit's failure means, and makes sure that nothing of the
// commit stays visible.
func (s *Store) failed(txid int, cause error) error {
	visible, err := s.visible(txid)
	if err == nil && !visible && outOfRoom(cause) {
		return fmt.Errorf("%w: %s: %w", kv.ErrFull, s.path, cause)
	}
	if err == nil && visible {
		err = s.takeBack(txid)
	}
	if err != nil {
		s.blind.Store(true)
	}
	s.fault = fmt.Errorf("%w: %s: committing: %w; check the disk, then restart",
		kv.ErrReadOnly, s.path, errors.Join(cause, err))
	s.stopped.Store(true)
	return s.fault
}

// visible reports whether readers see the transaction txid.
func (s *Store) visible(txid int) (bool, error) {
	tx, err := s.beginBolt(false)
	if err != nil {
		return false, err
	}
	defer func() { _ = guard(s.path, tx.Rollback) }()
	return tx.ID() >= txid, nil
}

// takeBack makes the meta page of the transaction txid invalid, so that bbolt goes by
// the other one, of the state before. Only the checksum changes, so that a reader that
// is looking at the page sees one state or the other. Whether this reaches the disk
// before a crash is as open as whether the commit did: its callers were told neither.
func (s *Store) takeBack(txid int) error {
	var sum [8]byte
	at := int64(txid%2)*pageSize + metaSumOffset
	if _, err := s.file.ReadAt(sum[:], at); err != nil {
		return err
	}
	for i := range sum {
		sum[i] = ^sum[i]
	}
	if _, err := s.file.WriteAt(sum[:], at); err != nil {
		return err
	}
	_ = s.file.Sync()
	return nil
}

// outOfRoom reports whether cause, of a commit that did not become visible, is the
// failure of a write or of growing the file for want of space: then nothing that was
// acknowledged is in doubt. The same from a sync is a fault. Of an error of growing,
// bbolt keeps only the text.
func outOfRoom(cause error) bool {
	path, isPath := errors.AsType[*fs.PathError](cause)
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if isPath && path.Op == "write" && errors.Is(path, errno) {
			return true
		}
		text := cause.Error()
		if strings.HasPrefix(text, "file resize error: ") && strings.HasSuffix(text, errno.Error()) {
			return true
		}
	}
	return false
}
