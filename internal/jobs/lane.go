// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxPage is how many jobs are read at once.
const maxPage = 256

// lane does the jobs of one kind.
type lane struct {
	*Config
	kind    string
	handler Handler
	slots   chan struct{} // has an element for each job under way

	mu    sync.Mutex
	state map[string]state // by key, of jobs that are not to be begun
}

// state is why a job is not to be begun: it is under way, it is done and may still be in
// a snapshot, or it failed and is left alone until then. That time is the machine's, and
// not that of the clock by which jobs are due.
type state struct {
	underway, done bool
	again          time.Time
}

func (l *lane) work(ctx context.Context) {
	var underway sync.WaitGroup
	defer underway.Wait()
	for ctx.Err() == nil {
		over := l.done()
		rev, err := l.sweep(ctx, func(job kv.Pair) {
			l.set(job.Key, state{underway: true})
			underway.Go(func() {
				defer func() { <-l.slots }()
				l.set(job.Key, l.do(ctx, job))
			})
		})
		l.forget(over)
		pause, cancel := context.WithTimeout(ctx, l.pause(ctx))
		if err == nil {
			l.wait(pause, rev)
		} else {
			if ctx.Err() == nil {
				l.Log.Error("jobs: not all could be read", "kind", l.kind, "error", err)
			}
			<-pause.Done()
		}
		cancel()
	}
}

// pause is how long nothing needs to be looked for, unless a job comes: until the next
// is due, or until one that failed is to be tried again.
func (l *lane) pause(ctx context.Context) time.Duration {
	pause := l.Retry
	now := l.Now()
	_, _ = l.Store.View(ctx, func(r kv.Reader) error { // an error shows in the next sweep
		for pair, err := range r.Scan(kv.Range{Prefix: kv.Prefix(table), Start: due(now).End}) {
			if next, _, bad := job(pair.Key); err == nil && bad == nil {
				pause = min(pause, next.Sub(now))
			}
			return err
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.state {
		if !s.underway && !s.done {
			pause = min(pause, time.Until(s.again))
		}
	}
	return max(pause, time.Millisecond)
}

// wait returns when a job of the kind was added after rev, or when ctx ends.
func (l *lane) wait(ctx context.Context, rev kv.Rev) {
	for event, err := range l.Store.Watch(ctx, kv.Prefix(table), rev) {
		if err != nil {
			break
		}
		if event.Value == nil {
			continue
		}
		if _, kind, err := job(event.Key); err == nil && kind == l.kind {
			return
		}
	}
	<-ctx.Done()
}

// sweep begins each job that is due, as far as they can be read, and returns the
// revision of its first look.
func (l *lane) sweep(ctx context.Context, begin func(kv.Pair)) (kv.Rev, error) {
	var first kv.Rev
	after := ""
	for {
		waiting, last, rev, err := l.page(ctx, after)
		if after == "" {
			first = rev
		}
		for _, job := range waiting {
			select {
			case l.slots <- struct{}{}:
			case <-ctx.Done():
				return first, ctx.Err()
			}
			if ctx.Err() != nil {
				<-l.slots
				return first, ctx.Err()
			}
			begin(job)
		}
		if err != nil || last == "" {
			return first, err
		}
		after = last
	}
}

// page returns copies of the lane's jobs that are to be begun and come next. If there
// may be more, last is the key after which.
func (l *lane) page(ctx context.Context, after string) (waiting []kv.Pair, last string, rev kv.Rev, err error) {
	scan := due(l.Now())
	if after != "" {
		scan.Start = after + "\x00"
	}
	rev, err = l.Store.View(ctx, func(r kv.Reader) error {
		waiting, last = nil, ""
		for pair, err := range r.Scan(scan) {
			if err != nil {
				return err
			}
			if _, kind, err := job(pair.Key); err != nil || kind != l.kind || !l.idle(pair.Key) {
				continue
			}
			waiting = append(waiting, kv.Pair{Key: pair.Key, Value: bytes.Clone(pair.Value)})
			if len(waiting) == maxPage {
				last = pair.Key
				break
			}
		}
		return nil
	})
	return waiting, last, rev, err
}

// idle says that a job is neither under way nor to be left alone for a while.
func (l *lane) idle(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.state[key]
	return !known || (!s.underway && !s.done && !time.Now().Before(s.again))
}

func (l *lane) set(key string, s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state[key] = s
}

// done returns the keys of the jobs that are done by now.
func (l *lane) done() (keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, s := range l.state {
		if s.done {
			keys = append(keys, key)
		}
	}
	return keys
}

func (l *lane) forget(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		delete(l.state, key)
	}
}

// do does one job, and deletes it if it was done.
func (l *lane) do(ctx context.Context, job kv.Pair) state {
	failed := state{again: time.Now().Add(l.Retry)}
	if err := safely(ctx, l.handler, job.Value); err != nil {
		if ctx.Err() == nil {
			l.Log.Warn("jobs: failed, to be tried again", "kind", l.kind, "error", err)
		}
		return failed
	}
	if _, err := l.Store.Update(ctx, func(tx kv.Tx) error { return tx.Delete(job.Key) }); err != nil {
		if ctx.Err() == nil {
			l.Log.Warn("jobs: done, but not marked so; it will be done again", "kind", l.kind, "error", err)
		}
		return failed
	}
	return state{done: true}
}

// safely makes an error of a handler's panic, whose value may quote the job and is
// left out.
func safely(ctx context.Context, handler Handler, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T\n%s", p, debug.Stack())
		}
	}()
	return handler.Do(ctx, payload)
}
