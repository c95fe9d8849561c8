// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func enqueue(t testing.TB, s kv.Store, kind string, payloads ...string) {
	t.Helper()
	if _, err := s.Update(context.Background(), func(tx kv.Tx) error {
		for _, p := range payloads {
			if err := jobs.Enqueue(tx, kind, time.Now(), []byte(p)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s kv.Store, fn func(kv.Reader)) {
	t.Helper()
	if _, err := s.View(context.Background(), func(r kv.Reader) error {
		fn(r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func keys(t testing.TB, s kv.Store, prefix string) (all []string) {
	t.Helper()
	view(t, s, func(r kv.Reader) {
		for pair, err := range r.Scan(kv.Range{Prefix: prefix}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pair.Key)
		}
	})
	return all
}

// log notes what handlers were given.
type log struct {
	mu   sync.Mutex
	done []string
}

func (l *log) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, s)
}

func (l *log) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.done
	l.done = nil
	return done
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestJobs walks through a worker's life: jobs that waited, jobs that come, jobs that
// fail, and a stop.
func TestJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memkv.New()
		defer s.Close()
		var seen log
		broken := true
		config := jobs.Config{Store: s, Log: quiet(), Retry: time.Minute, Handlers: map[string]jobs.Handler{
			"note": {Do: func(_ context.Context, p []byte) error {
				seen.add(string(p))
				switch {
				case string(p) == "fails" && broken:
					return errors.New("not yet")
				case string(p) == "panics" && broken:
					panic("not yet")
				}
				return nil
			}},
		}}
		enqueue(t, s, "note", "early")
		time.Sleep(time.Nanosecond) // a key begins with its time
		enqueue(t, s, "note", "fails")
		time.Sleep(time.Nanosecond)
		enqueue(t, s, "note", "panics")
		time.Sleep(time.Nanosecond)
		enqueue(t, s, "note", "behind it")
		enqueue(t, s, "unknown", "kept")
		w := jobs.Start(config)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"early", "fails", "panics", "behind it"}) {
			t.Errorf("at the start: %q", got)
		}
		if left := keys(t, s, "jobs/"); len(left) != 3 {
			t.Errorf("left: %q", left)
		}

		time.Sleep(59 * time.Second)
		synctest.Wait()
		if got := seen.take(); got != nil {
			t.Errorf("before it is time: %q", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"fails", "panics"}) {
			t.Errorf("when it is time: %q", got)
		}
		broken = false
		enqueue(t, s, "note", "late")
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"late"}) {
			t.Errorf("when a job comes: %q", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"fails", "panics"}) {
			t.Errorf("when it is time again: %q", got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		enqueue(t, s, "note", "after the stop")
		synctest.Wait()
		if left := keys(t, s, "jobs/"); len(left) != 2 || seen.take() != nil {
			t.Errorf("left: %q", left)
		}
		w = jobs.Start(config)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"after the stop"}) {
			t.Errorf("at the next start: %q", got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestJobsForLater holds that a job is done when it is due by the worker's clock, after a
// restart too, and not before.
func TestJobsForLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memkv.New()
		defer s.Close()
		behind := -time.Hour // where the worker's clock is
		start := time.Now()
		now := func() time.Time { return time.Now().Add(behind) }
		var seen log
		config := jobs.Config{Store: s, Log: quiet(), Retry: time.Minute, Now: now, Handlers: map[string]jobs.Handler{
			"note": {Do: func(_ context.Context, p []byte) error {
				seen.add(fmt.Sprint(string(p), " ", now().Sub(start)))
				return nil
			}},
		}}
		if _, err := s.Update(t.Context(), func(tx kv.Tx) error {
			return errors.Join(
				jobs.Enqueue(tx, "note", start.Add(24*time.Hour), []byte("day")), jobs.Enqueue(tx, "note", start.Add(48*time.Hour), []byte("two days")),
				jobs.Enqueue(tx, "unknown", start, nil), jobs.Enqueue(tx, "note", start.Add(-time.Hour), []byte("at once")))
		}); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			w := jobs.Start(config)
			time.Sleep(16 * time.Hour)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := seen.take(); !slices.Equal(got, []string{"at once -1h0m0s", "day 24h0m0s", "two days 48h0m0s"}) {
			t.Errorf("done: %q", got)
		}
		view(t, s, func(r kv.Reader) {
			for at, want := range map[time.Time]int{start.Add(-1): 0, start: 1, start.Add(time.Hour): 1} {
				if n, err := jobs.Due(r, at); err != nil || n != want {
					t.Errorf("%d jobs are due at %v, want %d; %v", n, at, want, err)
				}
			}
		})
	})
}

// TestKindsDoNotWait holds that a slow job holds up neither another kind nor, as far as
// its handler allows, its own.
func TestKindsDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memkv.New()
		defer s.Close()
		var seen log
		slow := jobs.Handler{AtOnce: 2, Do: func(_ context.Context, p []byte) error {
			seen.add("begins " + string(p))
			time.Sleep(time.Hour)
			seen.add("ends " + string(p))
			return nil
		}}
		quick := jobs.Handler{Do: func(_ context.Context, p []byte) error { seen.add(string(p)); return nil }}
		w := jobs.Start(jobs.Config{Store: s, Log: quiet(), Handlers: map[string]jobs.Handler{"slow": slow, "quick": quick}})
		for _, p := range []string{"a", "b", "c"} {
			enqueue(t, s, "slow", p)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		enqueue(t, s, "quick", "q")
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"begins a", "begins b", "q"}) {
			t.Errorf("at first: %q", got)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"ends a", "begins c", "ends b", "ends c"}) {
			t.Errorf("then: %q", got)
		}
		if left := keys(t, s, "jobs/"); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
		_ = w.Close()
	})
}

// TestCloseStopsTheJobUnderWay holds that a handler is told to stop, that Close waits
// for it, and that its job and those behind it are left for the next start.
func TestCloseStopsTheJobUnderWay(t *testing.T) {
	t.Parallel()
	s := memkv.New()
	defer s.Close()
	enqueue(t, s, "wait", "a", "b")
	begun, ended := make(chan struct{}, 2), false
	w := jobs.Start(jobs.Config{Store: s, Log: quiet(), Handlers: map[string]jobs.Handler{
		"wait": {Do: func(ctx context.Context, _ []byte) error {
			begun <- struct{}{}
			<-ctx.Done()
			ended = true
			return ctx.Err()
		}},
	}})
	<-begun
	if err := w.Close(); err != nil || !ended {
		t.Errorf("closed (%v) before the handler ended: %v", err, !ended)
	}
	if left := keys(t, s, "jobs/"); len(left) != 2 || len(begun) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestDoneButNotDeleted holds that a job whose deletion failed is done again: at
// least once, and no less.
func TestDoneButNotDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memkv.New()}
		defer s.Close()
		enqueue(t, s, "note", "a")
		var seen log
		s.update = errors.New("no room")
		w := jobs.Start(jobs.Config{Store: s, Log: quiet(), Handlers: map[string]jobs.Handler{
			"note": {Do: func(_ context.Context, p []byte) error { seen.add(string(p)); return nil }},
		}})
		synctest.Wait()
		s.set(nil, nil)
		time.Sleep(31 * time.Second) // the default
		synctest.Wait()
		if got := seen.take(); len(got) != 2 || len(keys(t, s, "jobs/")) != 0 {
			t.Errorf("done: %q, left: %q", got, keys(t, s, "jobs/"))
		}
		_ = w.Close()
	})
}

// TestUnreadableJobs holds that a damaged job neither keeps those before it from being
// done nor keeps the worker busy.
func TestUnreadableJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memkv.New()}
		defer s.Close()
		enqueue(t, s, "note", "a")
		time.Sleep(time.Nanosecond)
		enqueue(t, s, "note", "damaged")
		var seen log
		s.set(nil, errors.New("record failed authentication"))
		w := jobs.Start(jobs.Config{Store: s, Log: quiet(), Retry: time.Minute, Handlers: map[string]jobs.Handler{
			"note": {Do: func(_ context.Context, p []byte) error { seen.add(string(p)); return nil }},
		}})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := seen.take(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("done: %q", got)
		}
		if looks := s.looks(); looks > 30 {
			t.Errorf("%d looks in ten minutes", looks)
		}
		_ = w.Close()
	})
}

// faulty is a store that fails as it is told to. A scan then fails at "damaged".
type faulty struct {
	kv.Store
	mu           sync.Mutex
	update, scan error
	views        int
}

func (f *faulty) set(update, scan error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.update, f.scan = update, scan
}

func (f *faulty) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.views
}

// Update implements kv.Store.
func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	f.mu.Lock()
	err := f.update
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.Store.Update(ctx, fn)
}

// View implements kv.Store.
func (f *faulty) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	f.mu.Lock()
	f.views++
	scan := f.scan
	f.mu.Unlock()
	return f.Store.View(ctx, func(r kv.Reader) error { return fn(faultyReader{r, scan}) })
}

type faultyReader struct {
	kv.Reader
	err error
}

// Scan implements kv.Reader.
func (f faultyReader) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		for pair, err := range f.Reader.Scan(r) {
			if f.err != nil && string(pair.Value) == "damaged" {
				yield(kv.Pair{}, f.err)
				return
			}
			if !yield(pair, err) {
				return
			}
		}
	}
}

// TestErase erases more keys than a transaction may, and nothing beside them.
func TestErase(t *testing.T) {
	t.Parallel()
	const n = 1050
	s := &counting{Store: memkv.New()}
	defer s.Close()
	for i := 0; i < n; i += kv.MaxOps {
		if _, err := s.Update(t.Context(), func(tx kv.Tx) error {
			for j := i; j < min(i+kv.MaxOps, n); j++ {
				if err := tx.Put(fmt.Sprintf("sm/value/a/%04d", j), []byte("x")); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(tx.Put("sm/value/a", nil), tx.Put("sm/value/ab/1", nil), tx.Put("sm/value/b/1", nil),
			jobs.Erase(tx, time.Now(), "sm/value/a/"))
	}); err != nil {
		t.Fatal(err)
	}
	s.most = 0
	w := jobs.Start(jobs.Config{Store: s, Log: quiet(), Handlers: map[string]jobs.Handler{jobs.KindErase: jobs.Eraser(s)}})
	for len(keys(t, s, "jobs/")) > 0 {
		rev, err := s.View(t.Context(), func(kv.Reader) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(keys(t, s, "jobs/")) == 0 {
			break
		}
		for range s.Watch(t.Context(), "jobs/", rev) {
			break
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left := keys(t, s, ""); !slices.Equal(left, []string{"sm/value/a", "sm/value/ab/1", "sm/value/b/1"}) {
		t.Errorf("left: %d keys, %.200q", len(left), left)
	}
	if s.most > kv.MaxOps || s.most == 0 {
		t.Errorf("a transaction deleted %d keys", s.most)
	}
}

// counting counts the deletions of the largest transaction.
type counting struct {
	kv.Store
	most int
}

// Update implements kv.Store.
func (c *counting) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	return c.Store.Update(ctx, func(tx kv.Tx) error {
		counted := &countingTx{Tx: tx}
		err := fn(counted)
		c.most = max(c.most, counted.n)
		return err
	})
}

type countingTx struct {
	kv.Tx
	n int
}

// Delete implements kv.Tx.
func (c *countingTx) Delete(key string) error {
	c.n++
	return c.Tx.Delete(key)
}

// TestEraseEverything holds that no prefix is no prefix of everything.
func TestEraseEverything(t *testing.T) {
	t.Parallel()
	s := memkv.New()
	defer s.Close()
	if _, err := s.Update(t.Context(), func(tx kv.Tx) error { return jobs.Erase(tx, time.Now(), "") }); err == nil || !strings.Contains(err.Error(), "everything") {
		t.Errorf("Erase: %v", err)
	}
	enqueue(t, s, "x", "x")
	if err := jobs.Eraser(s).Do(t.Context(), nil); err == nil || len(keys(t, s, "")) != 1 {
		t.Errorf("the handler: %v", err)
	}
}
