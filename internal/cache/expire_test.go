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

func isFull(arn string) bool { return arn == full }

func TestWhatExpiredIsFetchedAtItsNextUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(cache.Ref{ID: name, VersionID: "v1"}, "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 2 })
	r.Expire(func(arn string) bool { return arn == partial })
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.Expire(isFull)
	r.want(byID(full), "value 2", cache.Miss, 1)
	r.want(byID(name), "value 2", cache.Hit, 0)
	r.want(cache.Ref{ID: name, VersionID: "v1"}, "value 1", cache.Hit, 0)
}

func TestWhatExpiredIsStaleWhenTheSourceIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.Expire(isFull)
	r.src.set(func(s *source) { s.err = down() })
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.src.set(func(s *source) { s.err = errDenied })
	r.clock.advance(time.Minute)
	r.wantErr(byID(name), errDenied, 1)
}

func TestWhatExpiredAndIsInUseIsRefreshedAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.src.set(func(s *source) { s.version = 2 })
	r.Expire(isFull)
	r.RefreshDue(0)
	r.Settle(context.Background())
	r.want(byID(name), "value 2", cache.Hit, 0)
}

// TestAFetchFromBeforeTheChangeIsNotKept has a refresh under way when the change is told.
func TestAFetchFromBeforeTheChangeIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(byID(name), "value 1", cache.Miss, 1)
		gate := make(chan struct{})
		r.src.set(func(s *source) { s.gate = gate })
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Refresh(t.Context(), byID(name)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		r.Expire(isFull)
		gate <- struct{}{}
		wg.Wait()
		r.src.set(func(s *source) { s.gate, s.version = nil, 2 })
		r.want(byID(name), "value 2", cache.Miss, 1)
	})
}
