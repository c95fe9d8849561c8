// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxLater bounds what waits for the worker; what comes on top is dropped, as
// Call.Later says it may be.
const maxLater = 1024

// together is how many pieces of work share a transaction: of the few keys that each
// writes, it has room for those of so many. See kv.MaxOps.
const together = 32

// after runs what calls left for later, several in one transaction, and transactions at
// once where they can share commits, so that what many reads leave behind costs little.
type after struct {
	store kv.Store
	log   *slog.Logger
	wake  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	waiting map[string]func(kv.Tx) error
	closed  bool
}

func startAfter(store kv.Store, log *slog.Logger) *after {
	a := &after{
		store: store, log: log, wake: make(chan struct{}, 1), done: make(chan struct{}),
		waiting: map[string]func(kv.Tx) error{},
	}
	go a.work()
	return a
}

func (a *after) add(all []later) {
	if len(all) == 0 {
		return // as after almost every call: nobody is to be woken
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	for _, l := range all {
		if len(a.waiting) >= maxLater {
			break
		}
		a.waiting[l.key] = l.fn
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *after) work() {
	defer close(a.done)
	for range a.wake {
		a.mu.Lock()
		batch := a.waiting
		a.waiting = map[string]func(kv.Tx) error{}
		a.mu.Unlock()
		var all sync.WaitGroup
		for keys := range slices.Chunk(slices.Collect(maps.Keys(batch)), together) {
			all.Go(func() { a.do(batch, keys) })
		}
		all.Wait()
	}
}

// do runs the work of those keys. If one of them fails, each is run by itself, so that it
// fails alone.
func (a *after) do(batch map[string]func(kv.Tx) error, keys []string) {
	err := a.update(func(tx kv.Tx) error {
		for _, key := range keys {
			if err := batch[key](tx); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil:
	case len(keys) == 1:
		a.log.Warn("work left for later failed", "key", keys[0], "error", err)
	default:
		for _, key := range keys {
			a.do(batch, []string{key})
		}
	}
}

func (a *after) update(fn func(kv.Tx) error) (err error) {
	defer recovered(&err)
	_, err = a.store.Update(context.Background(), fn)
	return err
}

// close runs what waits, and returns when it is done.
func (a *after) close() {
	a.mu.Lock()
	a.closed = true
	close(a.wake)
	a.mu.Unlock()
	<-a.done
}
