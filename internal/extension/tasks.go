// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"sync"
)

// tasks are goroutines that end together.
type tasks struct {
	mu      sync.Mutex
	cancels []context.CancelFunc
	wg      sync.WaitGroup
}

// start runs f until it returns; its context ends with ctx, or with the tasks. The
// channel is closed when f has returned.
func (t *tasks) start(ctx context.Context, f func(context.Context)) <-chan struct{} {
	ctx, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	t.cancels = append(t.cancels, cancel)
	t.mu.Unlock()
	done := make(chan struct{})
	t.wg.Go(func() {
		defer close(done)
		defer cancel()
		f(ctx)
	})
	return done
}

// end ends all and waits for them.
func (t *tasks) end() {
	t.mu.Lock()
	for _, cancel := range t.cancels {
		cancel()
	}
	t.mu.Unlock()
	t.wg.Wait()
}
