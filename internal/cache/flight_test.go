// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestTenThousandCallersMakeOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		var wrong atomic.Int64
		var wg sync.WaitGroup
		for i := range 10_000 {
			id := []string{name, partial, full}[i%3]
			wg.Go(func() {
				got, err := r.Get(context.Background(), byID(id))
				if err != nil || got.Text.RevealString() != "value 1" {
					wrong.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := r.src.count(); n != 3 { // the three ids are not yet known to mean one
			t.Errorf("%d calls for three ids", n)
		}
		close(gate)
		wg.Wait()
		if wrong.Load() != 0 {
			t.Errorf("%d callers got something else", wrong.Load())
		}
		if s := r.Stats(); s.Items != 1 {
			t.Errorf("%d items", s.Items)
		}
	})
}

func TestACallerWhoGivesUpDoesNotEndTheFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		first, giveUp := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Get(first, byID(name)); !errors.Is(err, context.Canceled) {
				t.Errorf("the first caller's error is %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got, err := r.Get(t.Context(), byID(name)); err != nil || got.VersionID != "v1" {
				t.Errorf("the second caller got %s, %v", got.VersionID, err)
			}
		})
		synctest.Wait()
		giveUp()
		synctest.Wait()
		close(gate)
		wg.Wait()
		if n := r.src.count(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestRefreshDoesNotTakeWhatWasAskedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := r.Get(t.Context(), byID(name)); err != nil || got.VersionID != "v1" {
				t.Errorf("Get: %s, %v", got.VersionID, err)
			}
		})
		synctest.Wait()
		for range 100 {
			wg.Go(func() {
				if got, err := r.Refresh(t.Context(), byID(name)); err != nil || got.VersionID != "v2" {
					t.Errorf("Refresh: %s, %v", got.VersionID, err)
				}
			})
		}
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		r.src.set(func(s *source) { s.version = 2 })
		close(gate)
		wg.Wait()
		if n := r.src.count(); n != 2 {
			t.Errorf("%d calls, want one for Get and one for a hundred Refreshes", n)
		}
	})
}

func TestAThousandFailuresMakeOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(byID(name), "value 1", cache.Miss, 1)
		gate := make(chan struct{})
		r.src.set(func(s *source) { s.gate, s.version = gate, 2 })
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if got, err := r.Failed(t.Context(), byID(name), "v1"); err != nil || got.VersionID != "v2" {
					t.Errorf("%s, %v", got.VersionID, err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if n := r.src.count(); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestWhatAFlightBringsAfterClearIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := r.Get(t.Context(), byID(name)); err != nil || got.VersionID != "v1" {
				t.Errorf("%s, %v", got.VersionID, err)
			}
		})
		synctest.Wait()
		r.Clear()
		close(gate)
		wg.Wait()
		if s := r.Stats(); s != (cache.Stats{}) {
			t.Errorf("holds %+v", s)
		}
	})
}

func TestCloseEndsAFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *cache.Config) { c.Secrets.Timeout = -1 })
		r.src.gate = make(chan struct{})
		var wg sync.WaitGroup
		for _, ref := range []cache.Ref{byID(name), {ID: name, Stage: "AWSPENDING"}} {
			wg.Go(func() {
				if _, err := r.Get(t.Context(), ref); err == nil {
					t.Error("no error")
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		r.Close()
		wg.Wait()
		if time.Since(began) != 0 {
			t.Errorf("took %v", time.Since(began))
		}
	})
}
