// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// batcher is a source of many secrets, each with its name for a value.
type batcher struct {
	mu      sync.Mutex
	singles []string
	batches [][]string
	refuse  map[string]error
	forget  string // a name that FetchMany leaves out
	gate    chan struct{}
	cut     atomic.Bool // the context of a FetchMany ended
}

func (b *batcher) value(ref cache.Ref) (cache.Value, error) {
	v := version(fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:000000000000:secret:%s-AbCdEf", ref.ID), 1, []string{"AWSCURRENT"})
	return v, b.refuse[ref.ID]
}

func (b *batcher) Fetch(_ context.Context, ref cache.Ref) (cache.Value, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.singles = append(b.singles, ref.ID)
	return b.value(ref)
}

func (b *batcher) FetchMany(ctx context.Context, refs []cache.Ref, done func(int, cache.Value, error)) {
	b.mu.Lock()
	var ids []string
	for _, r := range refs {
		ids = append(ids, r.ID)
	}
	b.batches = append(b.batches, ids)
	b.mu.Unlock()
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
			b.cut.Store(true)
			for i := range refs {
				done(i, cache.Value{}, ctx.Err())
			}
			return
		}
	}
	for i, r := range refs {
		if r.ID == b.forget {
			continue
		}
		v, err := b.value(r)
		done(i, v, err)
	}
}

func named(ids ...string) (refs []cache.Ref) {
	for _, id := range ids {
		refs = append(refs, byID(id))
	}
	return refs
}

// fill returns what Fill told, by name.
func fill(ctx context.Context, c *cache.Cache, refs []cache.Ref) map[string]string {
	told := map[string]string{}
	c.Fill(ctx, refs, func(r cache.Ref, err error) { told[r.ID] = fmt.Sprint(err) })
	return told
}

func newBatched(t *testing.T, b cache.Source, configure ...func(*cache.Config)) *cache.Cache {
	t.Helper()
	cfg := cache.Config{Source: b}
	for _, f := range configure {
		f(&cfg)
	}
	c, err := cache.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFillFetchesAllByOneCall(t *testing.T) {
	t.Parallel()
	b := &batcher{refuse: map[string]error{"b": errDenied}, forget: "d"}
	c := newBatched(t, b)
	got := fill(t.Context(), c, named("a", "b", "c", "d", "a"))
	want := map[string]string{"a": "<nil>", "b": "AccessDeniedException", "c": "<nil>", "d": "cache: the source did not answer"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range []string{"a", "c"} {
		if got, err := c.Get(t.Context(), byID(name)); err != nil || got.Status != cache.Hit {
			t.Errorf("%s: %v, %v", name, got.Status, err)
		}
	}
	if got, err := c.Get(t.Context(), byID("arn:aws:secretsmanager:eu-west-1:000000000000:secret:a-AbCdEf")); err != nil || got.Status != cache.Hit {
		t.Errorf("by its ARN: %v, %v", got.Status, err)
	}
	if got := fill(t.Context(), c, named("a", "b", "c")); got["a"] != "<nil>" || got["b"] != "AccessDeniedException" {
		t.Errorf("again: %v", got)
	}
	if diff := cmp.Diff([][]string{{"a", "b", "c", "d"}}, b.batches); diff != "" || len(b.singles) != 0 {
		t.Errorf("singles %v, batches (-want +got):\n%s", b.singles, diff)
	}
}

func TestWhoAsksDuringAFillWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batcher{gate: make(chan struct{})}
		c := newBatched(t, b)
		var wg sync.WaitGroup
		wg.Go(func() { fill(t.Context(), c, named("a", "b")) })
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if got, err := c.Get(t.Context(), byID("a")); err != nil || got.Status != cache.Miss || got.Name != "a" {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wg.Go(func() { fill(t.Context(), c, named("b", "c")) })
		synctest.Wait()
		close(b.gate)
		wg.Wait()
		if diff := cmp.Diff([][]string{{"a", "b"}, {"c"}}, b.batches); diff != "" || len(b.singles) != 0 {
			t.Errorf("singles %v, batches (-want +got):\n%s", b.singles, diff)
		}
	})
}

func TestAFillIsBoundedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batcher{gate: make(chan struct{})}
		var observed []error
		c := newBatched(t, b, func(cfg *cache.Config) { cfg.Observe = func(err error) { observed = append(observed, err) } })
		began := time.Now()
		var err error
		c.Fill(t.Context(), named("a"), func(_ cache.Ref, e error) { err = e })
		if _, ok := errors.AsType[*cache.Unavailable](err); !ok || time.Since(began) != cache.DefaultTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if len(observed) != 1 || observed[0] == nil {
			t.Errorf("observed %v", observed)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := fill(short, c, named("b")); len(got) != 0 {
			t.Errorf("told %v of what goes on", got)
		}
		close(b.gate)
		if got, err := c.Get(t.Context(), byID("b")); err != nil || got.Status != cache.Miss {
			t.Errorf("%v, %v", got.Status, err)
		}
	})
}

func TestFillWithoutBatches(t *testing.T) {
	t.Parallel()
	b := &batcher{}
	c := newBatched(t, struct{ cache.Source }{b})
	var ids []string
	for i := range 40 {
		ids = append(ids, fmt.Sprint("s", i))
	}
	if got := fill(t.Context(), c, named(ids...)); len(got) != 40 || len(b.singles) != 40 || c.Stats().Items != 40 {
		t.Errorf("told of %d, by %d calls, holds %d", len(got), len(b.singles), c.Stats().Items)
	}
}

func TestFillLeavesOutWhatIsNeverHeld(t *testing.T) {
	t.Parallel()
	b := &batcher{}
	c := newBatched(t, b)
	c.Pause(true)
	if got := fill(t.Context(), c, named("a")); len(got) != 0 {
		t.Errorf("paused: %v", got)
	}
	c.Pause(false)
	if got := fill(t.Context(), c, []cache.Ref{{ID: "a", Stage: "AWSPENDING"}}); len(got) != 0 || len(b.batches) != 0 {
		t.Errorf("a pending version: %v, %v", got, b.batches)
	}
	c.Close()
	if got := fill(t.Context(), c, named("a")); got["a"] != cache.ErrClosed.Error() {
		t.Errorf("closed: %v", got)
	}
}

func TestAFillThatNobodyWaitsForIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batcher{gate: make(chan struct{})}
		c := newBatched(t, b, func(cfg *cache.Config) { cfg.Secrets.Timeout = -1 })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { fill(ctx, c, named("a", "b")) })
		synctest.Wait()
		c.Cut()
		synctest.Wait()
		if c.Stats().Items != 2 {
			t.Error("cut while somebody waited")
		}
		cancel()
		wg.Wait()
		if b.cut.Load() {
			t.Error("the end of the caller's context ended the fetch")
		}
		c.Cut()
		synctest.Wait()
		if !b.cut.Load() || c.Stats().Items != 0 {
			t.Errorf("the source was told %t, holds %+v", b.cut.Load(), c.Stats())
		}
	})
}
