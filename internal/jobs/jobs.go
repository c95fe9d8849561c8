// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package jobs is the outbox: what a transaction wants done afterwards is written
// as a job in the same transaction, and a worker does it.
//
// A job is done at least once: it is deleted only after its handler returned nil,
// so a handler must be safe to repeat. A job has a time before which it is not done, and
// those that are due are done in the order of these times; one that fails is tried
// again later, and does not hold up the rest.
package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

const table = "jobs"

// maxPage is how many jobs are read at once.
const maxPage = 256

// Handler does one job. The payload is what Enqueue was given.
type Handler func(ctx context.Context, payload []byte) error

// Enqueue writes a job of that kind within tx, not to be done before that time: now, for
// one to be done at once.
func Enqueue(tx kv.Tx, kind string, due time.Time, payload []byte) error {
	return tx.Put(kv.Key(table, instant(due), kind, rand.Text()[:8]), payload)
}

// instant is a time as a segment of a key, in the order of time.
func instant(t time.Time) string { return fmt.Sprintf("%016x", t.UnixNano()) }

// due is the range of the jobs that may be done now.
func due(now time.Time) kv.Range {
	return kv.Range{Prefix: kv.Prefix(table), End: kv.Key(table, instant(now.Add(1)))}
}

// Due returns how many jobs may be done now, those that failed before included.
func Due(r kv.Reader, now time.Time) (n int, err error) {
	for _, err := range r.Scan(due(now)) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Config is what a Worker stands on. Store and Handlers are required.
type Config struct {
	Store    kv.Store
	Handlers map[string]Handler
	// Retry is the time between sweeps for jobs that failed, and within which a job that
	// was enqueued for later is found to be due. Zero means 30 s.
	Retry time.Duration
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
}

func (c Config) retry() time.Duration {
	if c.Retry == 0 {
		return 30 * time.Second
	}
	return c.Retry
}

// Worker does jobs until it is closed.
type Worker struct {
	config Config
	cancel context.CancelFunc
	done   chan struct{}
}

// Start starts a worker.
func Start(c Config) *Worker {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &Worker{config: c, cancel: cancel, done: make(chan struct{})}
	go w.work(ctx)
	return w
}

// Close waits for the job under way, and leaves the rest for the next start.
func (w *Worker) Close() error {
	w.cancel()
	<-w.done
	return nil
}

func (w *Worker) work(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		rev, err := w.sweep(ctx)
		again, cancel := context.WithTimeout(ctx, w.config.retry())
		if err == nil {
			w.wait(again, rev)
		} else {
			if ctx.Err() == nil {
				w.config.Log.Error("jobs: not all could be read", "error", err)
			}
			<-again.Done()
		}
		cancel()
	}
}

// wait returns when a job was added after rev, or when ctx ends: it is time to try the
// failed ones again, and to look for what is due by now.
func (w *Worker) wait(ctx context.Context, rev kv.Rev) {
	for event, err := range w.config.Store.Watch(ctx, kv.Prefix(table), rev) {
		if err != nil || event.Value != nil {
			if err != nil && ctx.Err() == nil {
				<-ctx.Done()
			}
			return
		}
	}
	<-ctx.Done()
}

// sweep does each job that is due once, as far as they can be read, and returns the
// revision of its first look.
func (w *Worker) sweep(ctx context.Context) (kv.Rev, error) {
	var first kv.Rev
	after := ""
	for {
		waiting, rev, err := w.page(ctx, after)
		if after == "" {
			first = rev
		}
		for _, job := range waiting {
			if ctx.Err() != nil {
				return first, ctx.Err()
			}
			w.do(ctx, job)
		}
		if err != nil || len(waiting) < maxPage {
			return first, err
		}
		after = waiting[len(waiting)-1].Key
	}
}

// page returns copies of the jobs that are due and whose keys come next.
func (w *Worker) page(ctx context.Context, after string) (waiting []kv.Pair, rev kv.Rev, err error) {
	scan := due(w.config.Now())
	if after != "" {
		scan.Start = after + "\x00"
	}
	rev, err = w.config.Store.View(ctx, func(r kv.Reader) error {
		waiting = nil
		for pair, err := range r.Scan(scan) {
			if err != nil {
				return err
			}
			waiting = append(waiting, kv.Pair{Key: pair.Key, Value: bytes.Clone(pair.Value)})
			if len(waiting) == maxPage {
				break
			}
		}
		return nil
	})
	return waiting, rev, err
}

// do runs one job's handler, and deletes the job if it was done.
func (w *Worker) do(ctx context.Context, job kv.Pair) {
	kind := kv.Split(job.Key)[2]
	handle, ok := w.config.Handlers[kind]
	if !ok {
		w.config.Log.Error("jobs: no handler for this kind; the job is kept", "kind", kind)
		return
	}
	if err := safely(ctx, handle, job.Value); err != nil {
		if ctx.Err() == nil {
			w.config.Log.Warn("jobs: failed, to be tried again", "kind", kind, "error", err)
		}
		return
	}
	if _, err := w.config.Store.Update(ctx, func(tx kv.Tx) error { return tx.Delete(job.Key) }); err != nil && ctx.Err() == nil {
		w.config.Log.Warn("jobs: done, but not marked so; it will be done again", "kind", kind, "error", err)
	}
}

// safely makes an error of a handler's panic, whose value may quote the job and is
// left out.
func safely(ctx context.Context, handle Handler, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T\n%s", p, debug.Stack())
		}
	}()
	return handle(ctx, payload)
}
