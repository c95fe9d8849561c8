// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

var errSpent = errors.New("spent")

// purse is a Budget of so many calls. A test that uses one asks from one goroutine.
type purse struct{ left int }

func (p *purse) Take() error {
	if p.left == 0 {
		return errSpent
	}
	p.left--
	return nil
}

func TestABudgetBoundsCallsAndNotAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := context.Background()
	poor := r.For(&purse{left: 1})
	for range 3 { // the first is a call, the others are hits
		if _, err := poor.Get(ctx, byID(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := poor.Get(ctx, byID("other")); !errors.Is(err, errSpent) {
		t.Errorf("a cold name: %v", err)
	}
	if got, err := poor.Refresh(ctx, byID(name)); err != nil || got.Status != cache.Hit {
		t.Errorf("a refresh: %v, %v; want what is held", got.Status, err)
	}
	if got, err := poor.Failed(ctx, byID(name), "v1"); err != nil || got.VersionID != "v1" {
		t.Errorf("a report: %v, %v; want the same version again", got.VersionID, err)
	}
	r.clock.advance(cache.DefaultTTL + time.Minute)
	if got, err := poor.Get(ctx, byID(name)); err != nil || got.Status != cache.Stale {
		t.Errorf("a value past its TTL: %v, %v", got.Status, err)
	}
	if n := r.src.count(); n != 1 {
		t.Errorf("%d calls to the source", n)
	}
	// Others are not concerned: neither is anything remembered of the refusals.
	r.want(byID("other"), "value 1", cache.Miss, 1)
}

func TestABudgetBoundsWhatIsNotHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *cache.Config) { c.Secrets.Bypass = true })
	poor := r.For(&purse{left: 2})
	for i := range 4 {
		_, err := poor.Get(context.Background(), byID(name))
		if spent := errors.Is(err, errSpent); spent != (i >= 2) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestRefusedNamesTakeNoRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	poor := r.For(&purse{})
	for i := range 100 {
		_, _ = poor.Get(context.Background(), byID(fmt.Sprint("cold", i)))
		_, _ = poor.Refresh(context.Background(), byID(fmt.Sprint("colder", i)))
	}
	if s := r.Stats(); s != (cache.Stats{}) {
		t.Errorf("holds %+v", s)
	}
}

func TestAClosedCacheAnswersNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	poor := r.For(&purse{left: 1})
	r.Close()
	if _, err := poor.Get(context.Background(), byID(name)); !errors.Is(err, cache.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestCallsToTheSourceAreObserved(t *testing.T) {
	t.Parallel()
	var seen []error
	r := newRig(t, func(c *cache.Config) { c.Observe = func(err error) { seen = append(seen, err) } })
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.src.set(func(s *source) { s.err = errDenied })
	r.wantErr(byID("other"), errDenied, 1)
	r.Close()
	if len(seen) != 2 || seen[0] != nil || !errors.Is(seen[1], errDenied) {
		t.Errorf("observed %v", seen)
	}
}
