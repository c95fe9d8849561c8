// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// underWay returns a rig whose value is being refreshed ahead of its expiry, by a fetch that
// waits for the gate.
func underWay(t *testing.T) (*rig, chan struct{}) {
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(cache.DefaultTTL - time.Second)
	gate := make(chan struct{})
	r.src.set(func(s *source) { s.gate, s.version = gate, 2 })
	if got, err := r.Get(t.Context(), byID(name)); err != nil || got.Status != cache.Hit {
		t.Fatalf("%v, %v", got.Status, err)
	}
	synctest.Wait()
	if n := r.src.count(); n != 2 {
		t.Fatalf("%d calls, want a refresh under way", n)
	}
	return r, gate
}

func TestACutFetchIsBegunAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := underWay(t)
		r.Cut()
		synctest.Wait()
		r.src.set(func(s *source) { s.gate = nil })
		r.want(byID(name), "value 1", cache.Hit, 0) // a source that hangs is left alone for a moment
		r.clock.advance(500 * time.Millisecond)     // half of the first retry, by a jitter of 0
		r.want(byID(name), "value 1", cache.Hit, 1)
		r.want(byID(name), "value 2", cache.Hit, 0)
	})
}

func TestACutOfWhatIsNotKnownLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.src.gate = make(chan struct{})
		ctx, giveUp := context.WithCancel(t.Context())
		giveUp()
		if _, err := r.Get(ctx, byID(name)); err == nil {
			t.Error("no error")
		}
		r.Cut()
		synctest.Wait()
		if n := r.Stats().Items; n != 0 {
			t.Errorf("%d items", n)
		}
		r.src.set(func(s *source) { s.gate = nil })
		r.want(byID(name), "value 1", cache.Miss, 1)
	})
}

func TestAFetchThatSomebodyWaitsForIsNotCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		var wg sync.WaitGroup
		wg.Go(func() { r.want(byID(name), "value 1", cache.Miss, 1) })
		synctest.Wait()
		r.Cut()
		close(gate)
		wg.Wait()
		r.want(byID(name), "value 1", cache.Hit, 0)
	})
}

func TestAFetchThatSpannedAFreezeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for how, ask := range map[string]func(*rig) (cache.Answer, error){
		"asked for":     func(r *rig) (cache.Answer, error) { return r.Get(r.t.Context(), byID(name)) },
		"asked for new": func(r *rig) (cache.Answer, error) { return r.Refresh(r.t.Context(), byID(name)) },
		"due": func(r *rig) (cache.Answer, error) {
			r.RefreshDue(0)
			r.Settle(r.t.Context())
			return r.Get(r.t.Context(), byID(name))
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, _ := underWay(t)
				r.t = t
				r.clock.advance(time.Hour) // and no timer fires
				r.src.set(func(s *source) { s.gate = nil })
				began := time.Now()
				got, err := ask(r)
				if err != nil || got.Text.RevealString() != "value 2" {
					t.Errorf("%v, %v", got.Text.RevealString(), err)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("it took %v: the dead fetch was waited for", took)
				}
				if n := r.src.count(); n != 3 {
					t.Errorf("%d calls, want 3", n)
				}
			})
		})
	}
}

func TestWhoWaitsForADeadFetchGetsWhatItBrings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.src.gate = gate
		var wg sync.WaitGroup
		wg.Go(func() {
			got, err := r.Get(t.Context(), byID(name))
			if err != nil || got.Text.RevealString() != "value 1" {
				t.Errorf("%v, %v", got.Text.RevealString(), err)
			}
		})
		synctest.Wait()
		r.clock.advance(time.Hour)
		r.src.set(func(s *source) { s.gate, s.version = nil, 2 })
		r.want(byID(name), "value 2", cache.Miss, 1)
		r.src.set(func(s *source) { s.version = 1 })
		close(gate)
		wg.Wait()
		r.want(byID(name), "value 2", cache.Hit, 0) // what came late has not replaced it
	})
}
