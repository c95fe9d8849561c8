// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"sync"
)

// board guards shared state and lets goroutines wait for it to change. It is a
// condition variable whose waiting can be cancelled.
type board struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each update
}

// update runs change alone, and then wakes every await.
func (b *board) update(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// await returns nil when done, which is called alone, has returned true, and the
// cause of ctx's end if that comes first.
func (b *board) await(ctx context.Context, done func() bool) error {
	for {
		b.mu.Lock()
		ok := done()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
