// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package feed keeps a store's latest changes in memory and tells them to watchers.
//
// Watchers read at their own pace from the one shared history and hold nothing of it
// but a small batch, so a slow one neither blocks writers nor costs memory: when the
// history has moved past it, it is told so.
package feed

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	// DefaultEvents is how many changes a Feed keeps unless told otherwise.
	DefaultEvents = 16_384
	// MaxBytes is how many bytes of keys and values a Feed keeps, but for the latest
	// revision, which it keeps whole.
	MaxBytes = 8 << 20

	// batchEvents is how many changes a watcher takes at once.
	batchEvents = 256
)

// A Feed is the history of one store from the revision it was made with. All methods
// are for concurrent use.
type Feed struct {
	limit int // events kept

	mu      sync.Mutex
	events  []kv.Event // in order of Rev
	bytes   int        // keys and values of events
	floor   kv.Rev     // every change after it is in events
	closed  bool
	changed chan struct{} // closed by the next Publish or Close; nil while nobody waits
}

// New returns a feed of the changes after revision rev, which keeps the last limit
// changes, or DefaultEvents if limit is zero.
func New(rev kv.Rev, limit int) *Feed {
	if limit <= 0 {
		limit = DefaultEvents
	}
	return &Feed{limit: limit, floor: rev}
}

// Publish adds changes, whose revisions must be above all earlier ones and not fall.
// The feed keeps the values and never changes them.
func (f *Feed) Publish(events []kv.Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.events = append(f.events, events...)
	for _, e := range events {
		f.bytes += size(e)
	}
	f.trim()
	f.wake()
}

// trim drops whole revisions, oldest first, until the limits hold or one is left.
func (f *Feed) trim() {
	drop, last := 0, f.events[len(f.events)-1].Rev
	for len(f.events)-drop > f.limit || f.bytes > MaxBytes {
		oldest := f.events[drop].Rev
		if oldest == last {
			break
		}
		for ; f.events[drop].Rev == oldest; drop++ {
			f.bytes -= size(f.events[drop])
		}
		f.floor = oldest
	}
	clear(f.events[:drop])
	f.events = f.events[drop:]
}

func size(e kv.Event) int { return len(e.Key) + len(e.Value) }

func (f *Feed) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// Close ends every Watch with kv.ErrClosed and forgets the history.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.events = true, nil
	f.wake()
}

// Watch is kv.Store's.
func (f *Feed) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		pos := position{rev: after}
		var buf [batchEvents]kv.Event
		for {
			if err := ctx.Err(); err != nil {
				yield(kv.Event{}, err)
				return
			}
			n, changed, err := f.next(&pos, buf[:])
			if err != nil {
				yield(kv.Event{}, err)
				return
			}
			for _, e := range buf[:n] {
				if strings.HasPrefix(e.Key, prefix) && !yield(e, nil) {
					return
				}
			}
			clear(buf[:n])
			if n > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// A position is how far a watcher has read: all of the revisions up to rev, and seen
// changes of the one after it that is in the history.
type position struct {
	rev  kv.Rev
	seen int
}

// next copies the changes from pos on into buf and moves pos past them. When there
// are none, it returns a channel that is closed by the next change.
func (f *Feed) next(pos *position, buf []kv.Event) (n int, changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return 0, nil, kv.ErrClosed
	case pos.rev < f.floor:
		return 0, nil, kv.ErrCompacted
	}
	first, _ := slices.BinarySearchFunc(f.events, pos.rev+1, func(e kv.Event, rev kv.Rev) int {
		return cmp.Compare(e.Rev, rev)
	})
	rest := f.events[first+pos.seen:]
	if n = copy(buf, rest); n == 0 {
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		return 0, f.changed, nil
	}
	pos.advance(rest, n)
	return n, nil, nil
}

// advance moves past the first n of rest, the changes from the position on.
func (p *position) advance(rest []kv.Event, n int) {
	for i, e := range rest[:n] {
		p.seen++
		if i+1 == len(rest) || rest[i+1].Rev != e.Rev {
			*p = position{rev: e.Rev}
		}
	}
}
