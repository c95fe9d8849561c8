// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestABudgetIsABucket(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	var refused counter
	b := newBudget(10, func() time.Time { return now }, &refused)
	take := func(want int) {
		t.Helper()
		n := 0
		for b.Take() == nil {
			n++
		}
		if n != want {
			t.Errorf("took %d, want %d", n, want)
		}
	}
	take(200) // the window's
	now = now.Add(time.Second)
	take(10)
	now = now.Add(time.Hour) // in the freezer
	take(200)
	now = now.Add(-time.Hour) // the clock goes back
	take(200)
	if n := refused.Load(); n != 4 {
		t.Errorf("%d refusals", n)
	}
	err, _ := errors.AsType[*OverBudget](b.Take())
	if err.Wait != 100*time.Millisecond || err.First || err.after() != "1" {
		t.Errorf("%+v", err)
	}
	now = now.Add(50 * time.Millisecond)
	if err, _ = errors.AsType[*OverBudget](b.Take()); err.Wait != 50*time.Millisecond {
		t.Errorf("waits %v", err.Wait)
	}
	now = now.Add(time.Minute)
	take(200)
	if err, _ = errors.AsType[*OverBudget](b.Take()); err.First {
		t.Error("the log is told each time")
	}
}

type nobody struct{ Store }

func TestCallersHaveBudgetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	opened := 0
	c := newCallers(Config{Budget: 1, Metrics: new(Metrics), Now: time.Now, Limited: func(cache.Budget) Store {
		opened++
		return &nobody{}
	}})
	first := c.store(caller{0, noUser})
	for _, other := range []caller{{1, noUser}, {0, 1000}, {0, 0}} {
		if c.store(other) == first {
			t.Errorf("%+v shares a budget", other)
		}
	}
	if c.store(caller{0, noUser}) != first || opened != 4 {
		t.Errorf("%d budgets", opened)
	}
	for user := range 1000 {
		c.store(caller{2, user})
	}
	if opened != maxCallers+1 || c.store(caller{2, 998}) != c.store(caller{2, 999}) {
		t.Errorf("%d budgets", opened)
	}
}
