// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"log/slog"
	"sync"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxLater bounds what waits for the worker; what comes on top is dropped, as
// Call.Later says it may be.
const maxLater = 1024

// after runs what calls left for later, each in a transaction of its own.
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
		for key, fn := range batch {
			if err := a.do(fn); err != nil {
				a.log.Warn("work left for later failed", "key", key, "error", err)
			}
		}
	}
}

func (a *after) do(fn func(kv.Tx) error) (err error) {
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
