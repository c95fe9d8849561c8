// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// standIn makes the source unavailable, and something that stands in for it answer with
// version n, which was the value so long ago.
func (r *rig) standIn(n int, ago time.Duration, change ...func(*cache.Value)) {
	asOf := r.clock.now().Add(-ago)
	r.src.set(func(s *source) {
		s.answer = func(cache.Ref) (cache.Value, error) {
			v := version(s.arn, n, s.stages)
			v.AsOf = asOf
			for _, f := range change {
				f(&v)
			}
			return v, nil
		}
	})
}

func (r *rig) recover(n int) {
	r.src.set(func(s *source) { s.answer, s.version = nil, n })
}

func TestWhatStandsInIsStale(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.standIn(1, 2*time.Hour)
	answer, err := r.Get(t.Context(), byID(name))
	if err != nil || answer.Status != cache.Stale || answer.Age != 2*time.Hour {
		t.Errorf("%s of age %v, %v", answer.Status, answer.Age, err)
	}
	r.want(byID(full), "value 1", cache.Stale, 0)
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.recover(2)
	r.want(byID(name), "value 1", cache.Stale, 0) // the source is left alone for a while
	r.clock.advance(2 * time.Second)
	r.want(byID(name), "value 2", cache.Miss, 1)
	r.want(byID(name), "value 2", cache.Hit, 0)
}

func TestWhatIsHeldComesBeforeWhatStandsIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version int
		ago     time.Duration
		want    string
	}{
		"the same":                        {2, 0, "value 2"},
		"an older version":                {1, 0, "value 2"},
		"a newer one of a replica":        {3, 0, "value 3"},
		"another one, from before":        {3, cache.DefaultTTL + time.Minute, "value 2"},
		"another one, from since it came": {3, time.Minute, "value 3"},
	} {
		r := newRig(t)
		r.recover(2)
		r.want(byID(full), "value 2", cache.Miss, 1)
		r.clock.advance(cache.DefaultTTL)
		r.standIn(c.version, c.ago)
		answer, err := r.Get(t.Context(), byID(full))
		if err != nil || answer.Status != cache.Stale || answer.Text.RevealString() != c.want {
			t.Errorf("%s: %q, %s, %v", name, answer.Text.RevealString(), answer.Status, err)
		}
	}
}

func TestWhatStandsInLastsLongerThanWhatIsHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(cache.DefaultTTL + cache.DefaultStale)
	r.standIn(1, 2*time.Hour)
	r.want(byID(name), "value 1", cache.Stale, 1)
	end := r.clock.now().Add(time.Minute)
	r.standIn(1, 2*time.Hour, func(v *cache.Value) { v.Ends = end })
	r.clock.advance(cache.DefaultStale)
	r.want(byID(name), "value 1", cache.Stale, 1)
	// It is no longer of use, and what stands in says the same of it again.
	r.src.set(func(s *source) { s.answer, s.err = nil, down() })
	r.clock.advance(time.Second)
	r.wantErr(byID(name), r.src.err, 1)
}

func TestWhatStandsInForAVersionIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ref := cache.Ref{ID: name, VersionID: "v1"}
	r.standIn(1, time.Hour)
	r.want(ref, "value 1", cache.Stale, 1)
	r.recover(1)
	r.clock.advance(time.Second)
	r.want(ref, "value 1", cache.Miss, 1)
	r.clock.advance(1000 * time.Hour)
	r.want(ref, "value 1", cache.Hit, 0)
	r.standIn(1, time.Hour)
	if answer, err := r.Refresh(t.Context(), ref); err != nil || answer.Text.RevealString() != "value 1" {
		t.Error(err)
	}
	r.want(ref, "value 1", cache.Hit, 0) // it was held, and never ends
}

func TestWhatStandsInIsNotHeldByACacheThatHoldsNothing(t *testing.T) {
	t.Parallel()
	for _, configure := range []func(*cache.Config){
		func(c *cache.Config) { c.Secrets.Bypass = true },
		func(c *cache.Config) { c.Secrets.Stale = -1 },
	} {
		r := newRig(t, configure)
		r.standIn(1, time.Minute)
		r.want(byID(name), "value 1", cache.Stale, 1)
		r.want(byID(name), "value 1", cache.Stale, 1)
	}
}

func TestWhatStoodInIsOverwritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var gave []secret.Value
	r.standIn(1, time.Minute, func(v *cache.Value) { gave = append(gave, v.Text) })
	r.want(byID(name), "value 1", cache.Stale, 1)
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Stale, 1) // the same again, which is not taken over
	r.recover(2)
	r.clock.advance(time.Minute)
	r.want(byID(name), "value 2", cache.Miss, 1)
	for i, v := range gave {
		if v.RevealString() == "value 1" {
			t.Errorf("the value of call %d is still there", i)
		}
	}
}
