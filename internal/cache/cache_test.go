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
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestAValueIsHeldForItsTTL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 2 })
	r.clock.advance(cache.DefaultTTL/2 + time.Second)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.clock.advance(cache.DefaultTTL / 2)
	r.want(byID(name), "value 2", cache.Miss, 1)
}

func TestAgeIsTheTimeSinceTheSourceGaveIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(42 * time.Second)
	got, err := r.Get(t.Context(), byID(full))
	if err != nil || got.Age != 42*time.Second {
		t.Errorf("age %v, %v; want 42 s", got.Age, err)
	}
}

func TestAValueInUseIsRefreshedAheadOfItsExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 2 })
	r.clock.advance(cache.DefaultTTL * 4 / 5)
	r.want(byID(name), "value 1", cache.Hit, 1)
	r.want(byID(name), "value 2", cache.Hit, 0)
	r.clock.advance(cache.DefaultTTL / 2)
	r.want(byID(name), "value 2", cache.Hit, 0)
}

func TestRefreshDueLeavesAloneWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(time.Hour)
	r.RefreshDue(0)
	r.Settle(t.Context())
	if n := r.src.count(); n != 1 {
		t.Errorf("%d calls: an unused value was refreshed", n)
	}
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.src.set(func(s *source) { s.version = 2 })
	r.clock.advance(time.Hour)
	r.RefreshDue(0)
	r.Settle(t.Context())
	r.want(byID(name), "value 2", cache.Hit, 0)
}

func TestAClockThatGoesBackEndsFreshness(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) { s.version = 2 })
	r.clock.advance(-time.Hour)
	r.want(byID(name), "value 2", cache.Miss, 1)

	r.src.set(func(s *source) { s.err = down() })
	r.clock.advance(-time.Hour)
	r.want(byID(name), "value 2", cache.Stale, 1)
	r.clock.advance(cache.DefaultStale + time.Second)
	r.wantErr(byID(name), r.src.err, 1)
}

func TestAVersionNeverExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ref := cache.Ref{ID: name, VersionID: "v1"}
	r.want(ref, "value 1", cache.Miss, 1)
	r.clock.advance(1000 * time.Hour)
	r.want(ref, "value 1", cache.Hit, 0)
	r.want(cache.Ref{ID: full, VersionID: "v1"}, "value 1", cache.Hit, 0)

	both := cache.Ref{ID: name, VersionID: "v1", Stage: "AWSCURRENT"}
	r.want(both, "value 1", cache.Miss, 1)
	r.clock.advance(time.Hour)
	r.want(both, "value 1", cache.Miss, 1)
}

func TestNotAfterCapsALife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	due := r.clock.now().Add(time.Minute)
	r.src.answer = func(cache.Ref) (cache.Value, error) {
		v := version(full, 1, nil)
		v.NotAfter = due
		return v, nil
	}
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(40 * time.Second)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.clock.advance(20 * time.Second)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.clock.advance(time.Second)
	r.want(byID(name), "value 1", cache.Hit, 0) // overdue: asked every few seconds, not each time
	r.clock.advance(4 * time.Second)
	r.want(byID(name), "value 1", cache.Miss, 1)
}

func TestPendingIsNeverHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.src.stages = []string{"AWSPENDING"}
	for range 2 {
		r.want(cache.Ref{ID: name, Stage: "AWSPENDING"}, "value 1", cache.Miss, 1)
		r.want(cache.Ref{ID: name, VersionID: "v1"}, "value 1", cache.Miss, 1)
	}
	if s := r.Stats(); s.Items != 0 {
		t.Errorf("%d items are held", s.Items)
	}
	r.src.set(func(s *source) { s.stages = []string{"AWSPENDING", "AWSCURRENT"} })
	r.want(cache.Ref{ID: name, Stage: "AWSPENDING"}, "value 1", cache.Miss, 1)
	r.want(cache.Ref{ID: name, Stage: "AWSPENDING"}, "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Hit, 0)
}

func TestBypassAsksEachTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *cache.Config) { c.Secrets.Bypass = true })
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Miss, 1)
	ref := cache.Ref{Kind: cache.Parameter, ID: "/p"}
	r.want(ref, "value 1", cache.Miss, 1)
	r.want(ref, "value 1", cache.Hit, 0)
}

func TestPauseHoldsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.Pause(true)
	if s := r.Stats(); s != (cache.Stats{}) {
		t.Errorf("holds %+v", s)
	}
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.Pause(false)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Hit, 0)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	ids := func(r *rig) {
		r.src.answer = func(ref cache.Ref) (cache.Value, error) {
			return cache.Value{Name: ref.ID, Text: secret.New(make([]byte, 1000))}, nil
		}
	}
	t.Run("what was not used for longest goes first", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *cache.Config) { c.MaxItems = 3 })
		ids(r)
		for _, step := range []struct {
			id     string
			status cache.Status
		}{{"a", cache.Miss}, {"b", cache.Miss}, {"c", cache.Miss}, {"a", cache.Hit}, {"d", cache.Miss}, {"a", cache.Hit}, {"c", cache.Hit}, {"b", cache.Miss}, {"d", cache.Miss}} {
			r.clock.advance(time.Millisecond)
			got, err := r.Get(t.Context(), byID(step.id))
			if err != nil || got.Status != step.status {
				t.Errorf("%s: %s, %v; want %s", step.id, got.Status, err, step.status)
			}
			if s := r.Stats(); s.Items > 3 {
				t.Fatalf("%d items", s.Items)
			}
		}
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *cache.Config) { c.MaxBytes = 10_000 })
		ids(r)
		for i := range 50 {
			r.clock.advance(time.Millisecond)
			if _, err := r.Get(t.Context(), byID(fmt.Sprint("s", i))); err != nil {
				t.Fatal(err)
			}
			if s := r.Stats(); s.Bytes > 10_000 {
				t.Fatalf("%d bytes in %d items", s.Bytes, s.Items)
			}
		}
		if s := r.Stats(); s.Items < 4 {
			t.Errorf("only %d items are held", s.Items)
		}
	})
	t.Run("a value larger than the cache is answered and not held", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *cache.Config) { c.MaxBytes = 1_000 })
		ids(r)
		got, err := r.Get(t.Context(), byID("big"))
		if err != nil || got.Text.Len() != 1000 || r.Stats() != (cache.Stats{}) {
			t.Errorf("%d bytes, %v, held %+v", got.Text.Len(), err, r.Stats())
		}
	})
	t.Run("refusals count too", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *cache.Config) { c.MaxItems = 3 })
		r.src.err = errDenied
		for i := range 10 {
			r.wantErr(byID(fmt.Sprint("s", i)), errDenied, 1)
		}
		if s := r.Stats(); s.Items > 3 {
			t.Errorf("%d items", s.Items)
		}
	})
}

func TestWhatIsReplacedOrForgottenIsOverwritten(t *testing.T) {
	t.Parallel()
	zero := string(make([]byte, len("value 1")))
	for what, act := range map[string]func(*rig){
		"refreshed": func(r *rig) {
			r.src.set(func(s *source) { s.version = 2 })
			r.clock.advance(cache.DefaultTTL)
			r.want(byID(name), "value 2", cache.Miss, 1)
		},
		"refused": func(r *rig) {
			r.src.set(func(s *source) { s.err = errDenied })
			r.clock.advance(cache.DefaultTTL)
			r.wantErr(byID(name), errDenied, 1)
		},
		"evicted": func(r *rig) { r.want(cache.Ref{Kind: cache.Parameter, ID: "/p"}, "value 1", cache.Miss, 1) },
		"cleared": func(r *rig) { r.Clear() },
		"closed":  func(r *rig) { r.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *cache.Config) { c.MaxItems = 1 })
			mine, err := r.Get(t.Context(), byID(name))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.src.gave[0].Text.RevealString(); got != "value 1" {
				t.Fatalf("the cache does not hold what the source gave, but %q", got)
			}
			act(r)
			if got := r.src.gave[0].Text.RevealString(); got != zero {
				t.Errorf("the cache left %q", got)
			}
			if mine.Text.RevealString() != "value 1" {
				t.Error("a caller's copy was overwritten")
			}
		})
	}
}

func TestAClosedCacheAnswersNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.Close()
	for _, ref := range []cache.Ref{byID(name), {ID: name, Stage: "AWSPENDING"}} {
		if _, err := r.Get(context.Background(), ref); !errors.Is(err, cache.ErrClosed) {
			t.Errorf("error %v", err)
		}
		if _, err := r.Refresh(context.Background(), ref); !errors.Is(err, cache.ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
}

func TestNewNeedsASource(t *testing.T) {
	t.Parallel()
	if _, err := cache.New(cache.Config{}); err == nil {
		t.Error("no error")
	}
}
