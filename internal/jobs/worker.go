// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// Config is what a Worker stands on. Store and Handlers are required.
type Config struct {
	Store kv.Store
	// Handlers are the handlers by kind.
	Handlers map[string]Handler
	// Retry is the time after which a job that failed is tried again. Zero means 30 s.
	Retry time.Duration
	// Now is the clock that says when a job is due. Nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Worker does jobs until it is closed.
type Worker struct {
	config Config
	cancel context.CancelFunc
	lanes  sync.WaitGroup
}

// Start starts a worker.
func Start(c Config) *Worker {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Retry == 0 {
		c.Retry = 30 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &Worker{config: c, cancel: cancel}
	for kind, handler := range c.Handlers {
		l := &lane{Config: &w.config, kind: kind, handler: handler, state: map[string]state{}}
		l.slots = make(chan struct{}, max(handler.AtOnce, 1))
		w.lanes.Go(func() { l.work(ctx) })
	}
	w.lanes.Go(func() { w.orphans(ctx) })
	return w
}

// Close waits for the jobs under way, which are told to stop, and leaves the rest for
// the next start.
func (w *Worker) Close() error {
	w.cancel()
	w.lanes.Wait()
	return nil
}

// orphans tells once of the jobs of kinds that no handler is for. They are kept: a newer
// version of Coffer may have made them.
func (w *Worker) orphans(ctx context.Context) {
	_, err := w.config.Store.View(ctx, func(r kv.Reader) error {
		told := map[string]bool{}
		for pair, err := range r.Scan(due(w.config.Now())) {
			if err != nil {
				return err
			}
			_, kind, err := job(pair.Key)
			if _, ok := w.config.Handlers[kind]; !ok && err == nil && !told[kind] {
				told[kind] = true
				w.config.Log.Error("jobs: no handler for this kind; its jobs are kept", "kind", kind)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		w.config.Log.Error("jobs: not all could be read", "error", err)
	}
}
