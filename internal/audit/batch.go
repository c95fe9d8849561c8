// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
)

// ErrBacklog says that too much waits to be written: the disk is slower than the calls.
var ErrBacklog = errors.New("audit: too many records wait to be written")

// ErrClosed says that the log was closed.
var ErrClosed = errors.New("audit: log is closed")

// maxSpare is the capacity of a buffer, in bytes, that is not kept after a burst.
const maxSpare = 4 << 20

// A batch is what one write puts into the file: lines that callers wait for, and
// staged ones, for which nobody waits.
type batch struct {
	buf    []byte // the lines that are waited for, one after the other
	ends   []int  // where each ends in buf
	staged []Staged
	size   int64         // bytes of all lines
	lines  int64         // their number
	done   chan struct{} // closed after err is set
	err    error
}

// events yields the batch's events, the staged ones first.
func (b *batch) events() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, s := range b.staged {
			for line := range s.events() {
				if !yield(line) {
					return
				}
			}
		}
		start := 0
		for _, end := range b.ends {
			if !yield(b.buf[start:end]) {
				return
			}
			start = end
		}
	}
}

// A queue gathers the next batch while the last one is being written.
type queue struct {
	limit, limitLines int64

	mu    sync.Mutex // guards next and spare, and held while the rest changes
	next  *batch
	spare []batch // at most two, whose buffers serve again

	size   atomic.Int64 // bytes that were added and are not yet finished
	lines  atomic.Int64 // their lines
	held   atomic.Int64 // bytes of staged lines that wait for the file's recovery
	closed atomic.Bool
}

func (q *queue) batch() *batch {
	if q.next == nil {
		q.next = &batch{done: make(chan struct{})}
		if n := len(q.spare); n > 0 {
			q.next.buf, q.next.ends = q.spare[n-1].buf[:0], q.spare[n-1].ends[:0]
			q.spare = q.spare[:n-1]
		}
	}
	return q.next
}

// add copies lines into the next batch.
func (q *queue) add(lines [][]byte) (*batch, error) {
	size := int64(0)
	for _, line := range lines {
		size += int64(len(line))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed.Load():
		return nil, ErrClosed
	case q.full(size, int64(len(lines))):
		return nil, ErrBacklog
	}
	b := q.batch()
	for _, line := range lines {
		b.buf = append(b.buf, line...)
		b.ends = append(b.ends, len(b.buf))
	}
	q.count(b, size, int64(len(lines)))
	return b, nil
}

// addStaged puts s into the next batch, unless that would be far beyond the limit, or the
// queue is closed: then it reports false, and s waits in the store for the next Open.
func (q *queue) addStaged(s Staged) bool {
	lines := int64(bytes.Count(s.body, []byte{'\n'}) + 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed.Load() || q.size.Load()+q.held.Load()+int64(len(s.body)) > 2*q.limit {
		return false
	}
	b := q.batch()
	b.staged = append(b.staged, s)
	q.count(b, int64(len(s.body)), lines)
	return true
}

func (q *queue) count(b *batch, size, lines int64) {
	b.size += size
	b.lines += lines
	q.size.Add(size)
	q.lines.Add(lines)
}

func (q *queue) full(size, lines int64) bool {
	return q.size.Load()+q.held.Load()+size > q.limit || q.lines.Load()+lines > q.limitLines
}

// ready says whether a small record would still be taken.
func (q *queue) ready() error {
	switch {
	case q.closed.Load():
		return ErrClosed
	case q.full(1, 1):
		return ErrBacklog
	}
	return nil
}

// take returns the next batch, or nil if nothing waits.
func (q *queue) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.next
	q.next = nil
	return b
}

// finish tells the batch's callers what became of it; held is how many bytes of staged
// lines still wait for the file.
func (q *queue) finish(b *batch, err error, held int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held.Store(held)
	if b == nil {
		return
	}
	q.size.Add(-b.size)
	q.lines.Add(-b.lines)
	if len(q.spare) < 2 && cap(b.buf) < maxSpare {
		q.spare = append(q.spare, batch{buf: b.buf, ends: b.ends})
	}
	b.buf, b.ends, b.staged = nil, nil, nil
	b.err = err
	close(b.done)
}

// close refuses what comes from now on; it reports false if that was so before.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed.Swap(true)
}
