// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
)

// backend is a Source that takes its time, and counts.
type backend struct {
	takes time.Duration

	mu      sync.Mutex
	calls   int
	version int
	err     error
}

func (b *backend) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	b.mu.Lock()
	b.calls++
	v, err := secretAnswer().Value, b.err
	v.ARN, v.Name, v.VersionID = "", ref.ID, fmt.Sprint("v", b.version)
	v.Created = created.Add(time.Duration(b.version) * time.Hour)
	b.mu.Unlock()
	select {
	case <-time.After(b.takes):
		return v, err
	case <-ctx.Done():
		return cache.Value{}, ctx.Err()
	}
}

// set changes the backend and returns how often it was called so far.
func (b *backend) set(f func(*backend)) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
	return b.calls
}

func (b *backend) count() int { return b.set(func(*backend) {}) }

// whole is an agent over a cache over a backend, as the program has them.
type whole struct {
	*agent.Agent
	held *cache.Cache
	b    *backend
}

func newWhole(t testing.TB, configure ...func(*agent.Config)) *whole {
	t.Helper()
	b, m := &backend{takes: time.Millisecond, version: 1}, new(agent.Metrics)
	held, err := cache.New(cache.Config{Source: b, Observe: m.Observe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Close)
	configure = append([]func(*agent.Config){func(c *agent.Config) {
		c.Limited, c.Budget = func(b cache.Budget) agent.Store { return held.For(b) }, agent.DefaultBudget
		c.Changes, c.Stats, c.Metrics = held.Changes, held.Stats, m
	}}, configure...)
	return &whole{newAgent(t, held, io.Discard, configure...), held, b}
}

// get asks for a target, which may begin with a method.
func (w *whole) get(t testing.TB, target string) *httptest.ResponseRecorder {
	t.Helper()
	return do(t, w, "GET", target, nil)
}

// storm sends n requests at once and counts the answers by status and X-Cache.
func (w *whole) storm(t testing.TB, n int, target func(i int) string) map[string]int {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r := w.get(t, target(i))
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(r.Code, " ", r.Header().Get("X-Cache"))]++
		})
	}
	wg.Wait()
	return got
}

func always(target string) func(int) string { return func(int) string { return target } }

func TestTenThousandRequestsForAColdName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		w.b.takes = time.Second // all are there before the source answers
		got := w.storm(t, 10_000, always(sm+"?secretId=db"))
		if n := w.b.count(); n != 1 || got["200 MISS"] != 10_000 {
			t.Errorf("%d calls to the source, answers %v", n, got)
		}
	})
}

func TestASourceThatIsDownIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		if r := w.get(t, sm+"?secretId=db"); r.Code != 200 {
			t.Fatal(r.Code)
		}
		time.Sleep(cache.DefaultTTL + time.Second)
		before := w.b.set(func(b *backend) { b.err = &cache.Unavailable{Err: errors.New("connection refused")} })
		for range 10 { // a storm each second
			if got := w.storm(t, 1000, always(sm+"?secretId=db")); got["200 STALE"] != 1000 {
				t.Errorf("answers %v", got)
			}
			time.Sleep(time.Second)
		}
		if n := w.b.count() - before; n == 0 || n > 5 { // after 0, 1, 3, 7 s, with jitter
			t.Errorf("10,000 requests in 10 s caused %d calls to a source that is down", n)
		}
	})
}

func TestARunawayCallerIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t, func(c *agent.Config) { c.Budget = 2 }) // 40 at once
		w.get(t, sm+"?secretId=warm")
		spent := w.storm(t, 100, func(i int) string { return fmt.Sprint(sm, "?secretId=cold", i) })
		if n := w.b.count(); n != 40 || spent["200 MISS"] != 39 || spent["429 "] != 61 {
			t.Errorf("%d calls to the source, answers %v", n, spent)
		}
		r := w.get(t, sm+"?secretId=other")
		if h := r.Header(); r.Code != 429 || h.Get("Retry-After") != "1" || h.Get("X-Error-Code") != "ThrottlingException" {
			t.Errorf("over budget: %d %v", r.Code, h)
		}
		if got := w.storm(t, 1000, always(sm+"?secretId=warm")); got["200 HIT"] != 1000 {
			t.Errorf("what is held is not limited: %v", got)
		}
		for _, target := range []string{sm + "?secretId=warm&refreshNow=true", sm + "?secretId=warm&failedVersion=v1"} {
			if r := w.get(t, target); r.Code != 200 || r.Header().Get("X-Cache") != "HIT" {
				t.Errorf("%s: %d %v: what is held is the answer", target, r.Code, r.Header())
			}
		}
		if r := do(t, w, "GET", sm+"?secretId=another", map[string]string{"X-Aws-Parameters-Secrets-Token": "second"}); r.Code != 200 {
			t.Errorf("somebody else got %d", r.Code)
		}
		time.Sleep(500 * time.Millisecond) // one more call
		if got := w.storm(t, 10, always(sm+"?secretId=other&refreshNow=1")); got["200 MISS"] == 0 {
			t.Errorf("half a second later: %v", got)
		}
		if n := w.b.count(); n != 42 {
			t.Errorf("%d calls to the source", n)
		}
	})
}

func TestARunawayCallerGetsStaleValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t, func(c *agent.Config) { c.Budget = 1 })
		w.get(t, sm+"?secretId=warm")
		time.Sleep(cache.DefaultTTL + time.Minute)
		w.storm(t, 100, func(i int) string { return fmt.Sprint(sm, "?secretId=cold", i) })
		before := w.b.count()
		if got := w.storm(t, 10, always(sm+"?secretId=warm")); got["200 STALE"] != 10 || w.b.count() != before {
			t.Errorf("answers %v", got)
		}
	})
}

func TestWithoutABudgetNobodyIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t, func(c *agent.Config) { c.Budget = 0 })
		if got := w.storm(t, 5000, func(i int) string { return fmt.Sprint(sm, "?secretId=cold", i) }); got["200 MISS"] != 5000 {
			t.Errorf("answers %v", got)
		}
	})
}

func TestRequestsAtOnceAreBoundedAsTheAgentsAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		w.b.takes = time.Second
		got := w.storm(t, 1000, always("/v1/db"))
		if got["200 MISS"] != 800 || got["429 "] != 200 {
			t.Errorf("answers %v", got)
		}
		r := make(chan string)
		go func() {
			w.storm(t, 801, always("/v1/db?refreshNow=1"))
			close(r)
		}()
		synctest.Wait()
		if got := w.get(t, "/v1/db"); got.Body.String() != "Connection limit exceeded" {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		for _, target := range []string{"/ping", sm + "?secretId=db"} {
			if got := w.get(t, target); got.Code != 200 {
				t.Errorf("%s: %d", target, got.Code)
			}
		}
		<-r
	})
}
