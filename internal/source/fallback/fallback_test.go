// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source/fallback"
	"github.com/coffer-secrets/coffer/internal/source/sourcetest"
)

var db = cache.Ref{ID: "db", Stage: "AWSCURRENT"}

// pair is a primary and a replica that stands in for it.
func pair() (primary, replica *fake, s *fallback.Source) {
	primary, replica = &fake{text: "primary"}, &fake{text: "replica"}
	return primary, replica, fallback.New(fallback.Config{Primary: primary, StandIn: &fallback.Replica{Source: replica}})
}

func TestContract(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		primary, replica, s := pair()
		replica.text = "primary"
		missing := cache.Ref{ID: "missing"}
		return sourcetest.Subject{
			Source: s, Ref: db, Want: "primary", Missing: missing,
			Set: func(state sourcetest.State) {
				for _, f := range []*fake{primary, replica} {
					f.set(func() { f.err, f.hangs = nil, state == sourcetest.Hanging })
					if state == sourcetest.Down {
						f.set(func() { f.err = errDown })
					}
				}
			},
		}
	})
}

func text(t *testing.T, s *fallback.Source, ref cache.Ref) string {
	t.Helper()
	v, err := s.Fetch(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if stands := v.Text.RevealString() != "primary"; stands == v.AsOf.IsZero() {
		t.Errorf("%s is as of %v", v.Text.RevealString(), v.AsOf)
	}
	return v.Text.RevealString()
}

func TestOnlyWhatIsUnavailableIsStoodInFor(t *testing.T) {
	t.Parallel()
	primary, replica, s := pair()
	if got := text(t, s, db); got != "primary" || replica.calls() != 0 {
		t.Errorf("%s after %d calls to the replica", got, replica.calls())
	}
	for _, refusal := range []error{errDenied, errors.New("not decryptable")} {
		primary.set(func() { primary.err = refusal })
		if _, err := s.Fetch(t.Context(), db); !errors.Is(err, refusal) || replica.calls() != 0 {
			t.Errorf("%v after %d calls to the replica", err, replica.calls())
		}
	}
	primary.set(func() { primary.err = errDown })
	if got := text(t, s, db); got != "replica" {
		t.Error(got)
	}
	// What the replica says of it is not the primary's word.
	replica.set(func() { replica.err = errDenied })
	if _, err := s.Fetch(t.Context(), db); !errors.Is(err, errDown) {
		t.Error(err)
	}
}

func TestAPrimaryThatFailedIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		primary, replica, s := pair()
		var log strings.Builder
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		primary.set(func() { primary.hangs = true })
		began := time.Now()
		fetch := func() string {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			v, err := s.Fetch(ctx, db)
			if err != nil {
				t.Fatal(err)
			}
			return v.Text.RevealString()
		}
		if got := fetch(); got != "replica" || time.Since(began) != 2*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		for range 100 {
			fetch()
		}
		if time.Since(began) != 2*time.Second || primary.calls() != 1 {
			t.Errorf("waited %v, for %d calls", time.Since(began), primary.calls())
		}
		// After its rest, one of many tries the primary. The others don't wait.
		time.Sleep(time.Second)
		probing := time.Now()
		var wg sync.WaitGroup
		slow := 0
		var mu sync.Mutex
		for range 50 {
			wg.Go(func() {
				fetch()
				if time.Since(probing) > 0 {
					mu.Lock()
					slow++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if slow != 1 || primary.calls() != 2 {
			t.Errorf("%d waited, for %d calls", slow, primary.calls())
		}
		// Its rests become longer, to a bound.
		for range 6 {
			time.Sleep(30 * time.Second)
			fetch()
		}
		if primary.calls() != 8 {
			t.Errorf("%d calls", primary.calls())
		}
		primary.set(func() { primary.hangs = false })
		fetch()
		if primary.calls() != 8 {
			t.Error("asked within its rest")
		}
		time.Sleep(30 * time.Second)
		if got := fetch() + fetch(); got != "primaryprimary" {
			t.Error(got)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("the log has %d lines:\n%s", n, &log)
		}
		if replica.calls() == 0 {
			t.Error("the replica was not asked")
		}
	})
}

func TestWhatNothingStandsInForIsAskedOfThePrimary(t *testing.T) {
	t.Parallel()
	primary, replica, s := pair()
	primary.set(func() { primary.err = errDown })
	text(t, s, db)
	primary.set(func() { primary.err = nil })
	replica.set(func() { replica.err = errDenied })
	if got := text(t, s, db); got != "primary" {
		t.Error(got)
	}
}

func TestServicesFailByThemselves(t *testing.T) {
	t.Parallel()
	primary, _, s := pair()
	primary.set(func() { primary.err = errDown })
	text(t, s, db)
	primary.set(func() { primary.err = nil })
	for _, ref := range []cache.Ref{{ID: "vault:db"}, {Kind: cache.Parameter, ID: "db"}} {
		if got := text(t, s, ref); got != "primary" {
			t.Errorf("%+v: %s", ref, got)
		}
	}
	if got := text(t, s, db); got != "replica" {
		t.Error(got)
	}
	s.Forget()
	if got := text(t, s, db); got != "primary" {
		t.Errorf("after Forget: %s", got)
	}
}

func TestWhoGivesUpSaysNothingOfThePrimary(t *testing.T) {
	t.Parallel()
	primary, replica, s := pair()
	primary.set(func() { primary.hangs = true })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fetch(ctx, db); !errors.Is(err, context.Canceled) || replica.calls() != 0 {
		t.Error(err)
	}
	primary.set(func() { primary.hangs = false })
	if got := text(t, s, db); got != "primary" {
		t.Error(got)
	}
}

func TestAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	primary, _, s := pair()
	now := time.Unix(1e9, 0)
	s.Now = func() time.Time { return now }
	primary.set(func() { primary.err = errDown })
	text(t, s, db)
	now = now.Add(-24 * time.Hour)
	primary.set(func() { primary.err = nil })
	if got := text(t, s, db); got != "primary" {
		t.Error(got)
	}
}

func TestAReplicasARNDiffersInItsRegion(t *testing.T) {
	t.Parallel()
	const home, away = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "arn:aws:secretsmanager:us-east-2:123456789012:secret:db-AbCdEf"
	from := &fake{text: "x", arn: away}
	r := &fallback.Replica{Source: from, Home: "eu-west-1", Region: "us-east-2"}
	for id, want := range map[string]string{
		home: away, "db": "db", "arn:aws:ssm:eu-west-1:123456789012:parameter/p": "arn:aws:ssm:us-east-2:123456789012:parameter/p",
		"arn:aws:secretsmanager:ap-south-1:123456789012:secret:x": "arn:aws:secretsmanager:ap-south-1:123456789012:secret:x", "arn:": "arn:",
	} {
		v, err := r.Fetch(t.Context(), cache.Ref{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if got := from.last().ID; got != want || v.ARN != home || v.AsOf.IsZero() {
			t.Errorf("%s: asked for %s, answered %s as of %v", id, got, v.ARN, v.AsOf)
		}
	}
	same := &fallback.Replica{Source: from}
	if v, err := same.Fetch(t.Context(), cache.Ref{ID: home}); err != nil || from.last().ID != home || v.ARN != away {
		t.Errorf("another endpoint: asked for %s, answered %s, %v", from.last().ID, v.ARN, err)
	}
}

func TestManyAreStoodInForAsOneIs(t *testing.T) {
	t.Parallel()
	primary, replica, s := pair()
	refs := []cache.Ref{db, {ID: "missing"}, {Kind: cache.Parameter, ID: "/p"}, {ID: "vault:x"}}
	many := func() string {
		told := make([]string, len(refs))
		s.FetchMany(t.Context(), refs, func(i int, v cache.Value, err error) {
			if told[i] != "" {
				t.Errorf("%s is told twice", refs[i].ID)
			}
			if told[i] = v.Text.RevealString(); err != nil {
				told[i] = err.Error()
			}
		})
		return strings.Join(told, ", ")
	}
	const refused = "AccessDeniedException: no"
	if got := many(); got != "primary, "+refused+", primary, primary" || replica.calls() != 0 {
		t.Errorf("%s after %d calls to the replica", got, replica.calls())
	}
	primary.set(func() { primary.err = errDown })
	want := "replica, " + errDown.Error() + ", replica, replica"
	if got := many(); got != want {
		t.Error(got)
	}
	before := primary.calls()
	if got := many(); got != want {
		t.Error(got)
	}
	// What is missing is asked of the primary, for want of a stand-in.
	if n := primary.calls() - before; n != 1 {
		t.Errorf("%d calls to a primary that rests", n)
	}
	replica.set(func() { replica.err = errDenied })
	if got := many(); !strings.HasPrefix(got, errDown.Error()) {
		t.Error(got)
	}
	replica.set(func() { replica.err = nil })
	s.Forget()
	primary.set(func() { primary.hangs = true })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s.FetchMany(ctx, refs[:1], func(_ int, v cache.Value, err error) {
		if err != nil || v.Text.RevealString() != "replica" {
			t.Errorf("with a primary that hangs: %v", err)
		}
	})
}
