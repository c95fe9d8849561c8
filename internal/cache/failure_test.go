// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestAStaleValueStandsInForASourceThatIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(cache.DefaultTTL)
	r.src.set(func(s *source) { s.err = down() })
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.want(byID(name), "value 1", cache.Stale, 0) // the source is left alone for a while
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Stale, 1)

	r.clock.advance(cache.DefaultStale - 2*time.Second)
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.clock.advance(time.Minute)
	r.wantErr(byID(name), r.src.err, 1)

	r.src.set(func(s *source) { s.err, s.version = nil, 2 })
	r.clock.advance(cache.DefaultNegative)
	r.want(byID(name), "value 2", cache.Miss, 1)
}

func TestAValueThatEndsDoesNotStandInAfterIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ends := func(d time.Duration) {
		at := r.clock.now().Add(d)
		r.src.set(func(s *source) {
			s.answer = func(cache.Ref) (cache.Value, error) {
				v := version(full, s.version, nil)
				v.Ends = at
				return v, nil
			}
		})
	}
	ends(6 * time.Minute)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.err = down() })
	r.clock.advance(cache.DefaultTTL)
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.clock.advance(time.Minute)
	r.wantErr(byID(name), r.src.err, 1)

	// It is fetched anew before it ends, however long the TTL.
	r.clock.advance(cache.DefaultNegative)
	r.src.set(func(s *source) { s.err, s.version = nil, 2 })
	ends(time.Minute)
	r.want(byID(name), "value 2", cache.Miss, 1)
	r.clock.advance(30 * time.Second)
	r.want(byID(name), "value 2", cache.Hit, 0)
	r.src.set(func(s *source) { s.version = 3 })
	r.clock.advance(30 * time.Second)
	ends(time.Minute)
	r.want(byID(name), "value 3", cache.Miss, 1)

	// A clock that goes back does not lengthen its life.
	r.src.set(func(s *source) { s.err = down() })
	r.clock.advance(-time.Minute)
	r.want(byID(name), "value 3", cache.Stale, 1)
	r.clock.advance(2 * time.Minute)
	r.wantErr(byID(name), r.src.err, 1)
}

func TestRetriesOfASourceThatIsDownSpreadOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.err = down() })
	r.clock.advance(cache.DefaultTTL)
	before := r.src.count()
	for range 600 { // ten minutes
		if _, err := r.Get(t.Context(), byID(name)); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(time.Second)
	}
	if n := r.src.count() - before; n < 20 || n > 50 {
		t.Errorf("%d calls in ten minutes, want one each 15 s or so", n)
	}
}

func TestARefusalEndsAValueAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.err = errDenied })
	r.clock.advance(cache.DefaultTTL * 4 / 5)
	r.want(byID(name), "value 1", cache.Hit, 1) // still fresh; the refresh is refused
	r.wantErr(byID(name), errDenied, 0)
	r.wantErr(byID(full), errDenied, 0)

	r.src.set(func(s *source) { s.err = down() })
	r.clock.advance(cache.DefaultNegative)
	r.wantErr(byID(name), r.src.err, 1) // no stale value is left
}

func TestARefusalIsRememberedForMoments(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *cache.Config) { c.Negative = time.Hour })
	r.src.err = errDenied
	r.wantErr(byID(name), errDenied, 1)
	r.wantErr(byID(name), errDenied, 0)
	r.clock.advance(cache.MaxNegative - time.Millisecond)
	r.wantErr(byID(name), errDenied, 0)
	r.clock.advance(time.Millisecond)
	r.wantErr(byID(name), errDenied, 1)
	r.clock.advance(-time.Hour)
	r.wantErr(byID(name), errDenied, 1)
}

func TestARefreshThatFailsLeavesAFreshValueAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.err = down() })
	if _, err := r.Refresh(t.Context(), byID(name)); !errors.Is(err, r.src.err) {
		t.Errorf("Refresh: %v", err)
	}
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.clock.advance(cache.DefaultTTL)
	if _, err := r.Refresh(t.Context(), byID(name)); !errors.Is(err, r.src.err) {
		t.Errorf("Refresh: %v", err)
	}
}

func TestARefreshNeverGoesBackInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.src.version = 5
	r.want(byID(name), "value 5", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 4 })
	r.clock.advance(cache.DefaultTTL)
	r.want(byID(name), "value 5", cache.Miss, 1)
	r.want(byID(name), "value 5", cache.Hit, 0)

	r.src.set(func(s *source) { s.version = 5 }) // the replica caught up
	r.clock.advance(6 * time.Second)
	r.want(byID(name), "value 5", cache.Miss, 1)

	r.src.set(func(s *source) { s.version = 3 }) // a roll-back, which stays
	r.clock.advance(cache.DefaultTTL)
	r.want(byID(name), "value 5", cache.Miss, 1)
	r.clock.advance(5 * time.Second)
	r.want(byID(name), "value 3", cache.Miss, 1)
}

func TestFailedAsksAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 2 })
	for i, calls := range []int{1, 0} { // the second finds what the first brought
		before := r.src.count()
		got, err := r.Failed(t.Context(), byID(name), "v1")
		if err != nil || got.VersionID != "v2" || r.src.count()-before != calls {
			t.Errorf("%d: %s, %v, %d calls", i, got.VersionID, err, r.src.count()-before)
		}
	}
}

func TestFailedOffersThePreviousVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.src.version = 2
	r.want(byID(name), "value 2", cache.Miss, 1)
	for i, calls := range []int{2, 0, 0} { // current and previous, then neither
		before := r.src.count()
		got, err := r.Failed(t.Context(), byID(full), "v2")
		if err != nil || got.VersionID != "v1" || r.src.count()-before != calls {
			t.Errorf("%d: %s, %v, %d calls", i, got.VersionID, err, r.src.count()-before)
		}
	}
	r.want(byID(name), "value 2", cache.Hit, 0)
	r.clock.advance(10 * time.Second)
	before := r.src.count()
	if _, err := r.Failed(t.Context(), byID(name), "v2"); err != nil || r.src.count()-before != 1 {
		t.Errorf("%v, %d calls after the rate limit", err, r.src.count()-before)
	}
}

func TestFailedOfAVersionThatIsNotHeldAsksNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	got, err := r.Failed(t.Context(), byID(name), "invented")
	if err != nil || got.VersionID != "v1" || got.Status != cache.Hit || r.src.count() != 1 {
		t.Errorf("%s, %s, %v, %d calls", got.VersionID, got.Status, err, r.src.count())
	}
}

func TestFailedBelievesInARollBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.src.version = 5
	r.want(byID(name), "value 5", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 4 })
	got, err := r.Failed(t.Context(), byID(name), "v5")
	if err != nil || got.VersionID != "v4" {
		t.Errorf("%s, %v", got.VersionID, err)
	}
}

func TestASourceThatHangsIsTimedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *cache.Config) { c.Now = time.Now })
		r.src.gate = make(chan struct{})
		began := time.Now()
		_, err := r.Get(t.Context(), byID(name))
		if _, ok := errors.AsType[*cache.Unavailable](err); !ok || time.Since(began) != cache.DefaultTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		r.src.set(func(s *source) { s.gate = nil })
		time.Sleep(cache.DefaultNegative)
		r.want(byID(name), "value 1", cache.Miss, 1)
		time.Sleep(cache.DefaultTTL)
		r.src.set(func(s *source) { s.gate = make(chan struct{}) })
		began = time.Now()
		got, err := r.Get(t.Context(), byID(name))
		if err != nil || got.Status != cache.Stale || time.Since(began) != time.Second {
			t.Errorf("%s, %v after %v: a stale value is not waited for long", got.Status, err, time.Since(began))
		}
		r.Settle(t.Context())
		began = time.Now()
		if _, err = r.Get(t.Context(), byID(name)); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v: the source is known to be down", err, time.Since(began))
		}
	})
}

func TestSettleIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *cache.Config) { c.Now = time.Now })
		r.src.gate = make(chan struct{})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Get(gone, byID(name)); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		r.Settle(limited)
		if time.Since(began) != time.Second {
			t.Errorf("waited %v", time.Since(began))
		}
	})
}

func TestReportsAreNotAnsweredByACallThatBeganBeforeThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(byID(name), "value 1", cache.Miss, 1)
		gate := make(chan struct{})
		r.src.set(func(s *source) { s.gate = gate })
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if got, err := r.Refresh(t.Context(), byID(name)); err != nil || got.VersionID != "v1" {
				t.Errorf("the call before: %s, %v", got.VersionID, err)
			}
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if got, err := r.Failed(t.Context(), byID(name), "v1"); err != nil || got.VersionID != "v2" {
					t.Errorf("a report is answered by %s, %v", got.VersionID, err)
				}
			})
		}
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		r.src.set(func(s *source) { s.version, s.gate = 2, nil })
		close(gate)
	})
}
