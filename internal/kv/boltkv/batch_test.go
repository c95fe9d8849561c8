// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
)

// A queue is a store whose turn is held, so that Updates can be lined up to share a
// commit.
type queue struct {
	*boltkv.Store
	t       *testing.T
	release chan struct{}
	results []<-chan result
}

type result struct {
	rev   kv.Rev
	err   error
	panic any
}

// newQueue holds the turn with an Update that writes "first".
func newQueue(t *testing.T) *queue {
	t.Helper()
	q := &queue{Store: open(t, filepath.Join(t.TempDir(), "db"), boltkv.Options{}), t: t, release: make(chan struct{})}
	inside := make(chan struct{})
	q.start(t.Context(), func(tx kv.Tx) error {
		close(inside)
		<-q.release
		return tx.Put("first", nil)
	})
	<-inside
	return q
}

// add lines an Update up behind those before it.
func (q *queue) add(ctx context.Context, fn func(kv.Tx) error) {
	before := q.Waiting()
	q.start(ctx, fn)
	for q.Waiting() == before {
		runtime.Gosched()
	}
}

func (q *queue) start(ctx context.Context, fn func(kv.Tx) error) {
	done := make(chan result, 1)
	q.results = append(q.results, done)
	go func() {
		var r result
		defer func() {
			r.panic = recover()
			done <- r
		}()
		r.rev, r.err = q.Update(ctx, fn)
	}()
}

// run lets all go and returns their results in order.
func (q *queue) run() []result {
	close(q.release)
	var results []result
	for _, done := range q.results {
		results = append(results, <-done)
	}
	return results
}

func appendTo(key, value string) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		old, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Put(key, append(slices.Clone(old), value...))
	}
}

// TestBatch lines up Updates of all outcomes: they share one commit, each sees those
// before it that were kept, and each gets its own answer.
func TestBatch(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	refusal := errors.New("refused")
	cancelled, cancel := context.WithCancel(t.Context())
	q.add(t.Context(), appendTo("log", "a"))
	q.add(t.Context(), func(tx kv.Tx) error { return errors.Join(appendTo("log", "X")(tx), refusal) })
	q.add(t.Context(), appendTo("log", "b"))
	q.add(t.Context(), func(tx kv.Tx) error { _ = appendTo("log", "X")(tx); panic("on purpose") })
	q.add(t.Context(), func(tx kv.Tx) error { _ = appendTo("log", "X")(tx); runtime.Goexit(); return nil })
	q.add(cancelled, appendTo("log", "X"))
	q.add(t.Context(), func(kv.Tx) error { return nil })
	q.add(t.Context(), appendTo("log", "c"))

	cancel()
	if got := <-q.results[6]; !errors.Is(got.err, context.Canceled) {
		t.Errorf("cancelled while it waited: %v, want %v at once", got.err, context.Canceled)
	}
	q.results = slices.Delete(q.results, 6, 7)
	results := q.run()
	want := []result{
		{rev: 1}, {rev: 2}, {err: refusal}, {rev: 3}, {panic: "on purpose"}, {}, {rev: 3}, {rev: 4},
	}
	for i, got := range results {
		if got.rev != want[i].rev || !errors.Is(got.err, want[i].err) || got.panic != want[i].panic {
			t.Errorf("update %d: %+v, want %+v", i, got, want[i])
		}
	}
	all, rev := contents(t, q)
	if all["log"] != "abc" || rev != 4 {
		t.Errorf("log %q at revision %d, want abc at 4", all["log"], rev)
	}
	if got, want := q.Stats(), (boltkv.Stats{Updates: 4, Commits: 1}); got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
	var told []string
	for e, err := range q.Watch(t.Context(), "", 0) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%d %s=%s", e.Rev, e.Key, e.Value))
		if e.Rev == rev {
			break
		}
	}
	if want := []string{"1 first=", "2 log=a", "3 log=ab", "4 log=abc"}; !slices.Equal(told, want) {
		t.Errorf("Watch tells %q, want %q", told, want)
	}
}

// TestBatchDeletes empties a tree of many pages within a batch and scans it there.
func TestBatchDeletes(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	const keys = 60
	for i := range keys {
		q.add(t.Context(), func(tx kv.Tx) error { return tx.Put(fmt.Sprintf("key%02d", i), make([]byte, 3000)) })
	}
	for _, r := range q.run() {
		if r.err != nil {
			t.Fatal(r.err)
		}
	}
	again := &queue{Store: q.Store, t: t, release: make(chan struct{})}
	inside := make(chan struct{})
	again.start(t.Context(), func(tx kv.Tx) error {
		close(inside)
		<-again.release
		for i := range keys {
			if err := tx.Delete(fmt.Sprintf("key%02d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	<-inside
	again.add(t.Context(), func(tx kv.Tx) error {
		for _, reverse := range []bool{false, true} {
			for p, err := range tx.Scan(kv.Range{Prefix: "key", Reverse: reverse}) {
				return fmt.Errorf("it still holds %q (%w)", p.Key, err)
			}
		}
		return tx.Put("key99", nil)
	})
	for _, r := range again.run() {
		if r.err != nil {
			t.Error(r.err)
		}
	}
	if all, _ := contents(t, q); len(all) != 2 {
		t.Errorf("%d keys are left, want 2", len(all))
	}
}

// TestBatchBounds lines up more than a batch takes.
func TestBatchBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ updates, bytes, commits int }{
		"updates": {2*boltkv.MaxBatchUpdates + 1, 10, 3},
		"bytes":   {2 * boltkv.MaxBatchBytes / kv.MaxValue, kv.MaxValue, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t)
			for i := range c.updates - 1 {
				q.add(t.Context(), func(tx kv.Tx) error { return tx.Put(fmt.Sprint("key", i), make([]byte, c.bytes)) })
			}
			for i, r := range q.run() {
				if r.err != nil || r.rev != kv.Rev(i+1) {
					t.Fatalf("update %d: %+v", i, r)
				}
			}
			if got := q.Stats().Commits; got < int64(c.commits) || got > int64(c.commits)+1 {
				t.Errorf("%d commits, want %d", got, c.commits)
			}
		})
	}
}

// TestCompacted watches from revisions that are gone: before the store was opened, and
// before its history.
func TestCompacted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	put := func(s kv.Store) {
		if _, err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put("a", nil) }); err != nil {
			t.Fatal(err)
		}
	}
	first := func(s kv.Store, after kv.Rev) (kv.Rev, error) {
		for e, err := range s.Watch(t.Context(), "", after) {
			return e.Rev, err
		}
		return 0, errors.New("the watch ended without an error")
	}
	s := open(t, path, boltkv.Options{})
	put(s)
	put(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, boltkv.Options{WatchEvents: 3})
	if _, err := first(s, 1); !errors.Is(err, kv.ErrCompacted) {
		t.Errorf("after a revision before it was opened: %v, want %v", err, kv.ErrCompacted)
	}
	put(s)
	if rev, err := first(s, 2); err != nil || rev != 3 {
		t.Errorf("after the revision at which it was opened: %d, %v; want 3", rev, err)
	}
	for range 3 {
		put(s)
	}
	if _, err := first(s, 2); !errors.Is(err, kv.ErrCompacted) {
		t.Errorf("after a revision too far back: %v, want %v", err, kv.ErrCompacted)
	}
	if rev, err := first(s, 3); err != nil || rev != 4 {
		t.Errorf("after the oldest revision of the history: %d, %v; want 4", rev, err)
	}
}
