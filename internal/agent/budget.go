// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

const (
	// DefaultBudget is how many calls to the source a caller may cause in a second, for
	// long: more than 1,000 values need whose TTL is 300 seconds.
	DefaultBudget = 50
	// maxBudget is more than AWS allows: 10,000 calls of GetSecretValue in a second. See
	// AWS Secrets Manager User Guide, "AWS Secrets Manager quotas".
	maxBudget = 10_000
	// budgetWindow is how much of its budget a caller may spend at once: with the
	// default, a full cache.
	budgetWindow = 20 * time.Second
	// tellEvery is how often it is said that a caller's budget is spent.
	tellEvery = time.Minute
)

// OverBudget is the refusal of a call to the source that the caller has no budget for.
type OverBudget struct {
	// Wait is how long it takes until there is budget again.
	Wait time.Duration
	// First is set once in a while, for a log that is not to be flooded.
	First bool
}

// Error implements error.
func (e *OverBudget) Error() string { return "the caller's request budget is spent" }

// budget is a bucket of tokens, kept as the moment at which it will be full again. Time
// is the wall clock: it fills while the environment is frozen.
type budget struct {
	each    time.Duration // until the next token
	now     func() time.Time
	refused *counter

	mu   sync.Mutex
	full time.Time
	told time.Time
}

var _ cache.Budget = (*budget)(nil)

func newBudget(perSecond int, now func() time.Time, refused *counter) *budget {
	return &budget{each: time.Second / time.Duration(perSecond), now: now, refused: refused}
}

// Take implements cache.Budget.
func (b *budget) Take() error {
	now := b.now().Round(0)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full.Before(now) || b.full.Sub(now) > budgetWindow { // the latter if the clock went back
		b.full = now
	}
	next := b.full.Add(b.each)
	if wait := next.Sub(now) - budgetWindow; wait > 0 {
		b.refused.Add(1)
		first := now.Sub(b.told).Abs() >= tellEvery
		if first {
			b.told = now
		}
		return &OverBudget{Wait: wait, First: first}
	}
	b.full = next
	return nil
}

// caller is who asks, as far as that can be told: the place of the token that was shown,
// and on the unix socket the user.
type caller struct {
	token int
	user  int
}

// maxCallers bounds the budgets. Further callers share one.
const maxCallers = 64

// callers have a Store each.
type callers struct {
	everybody Store // if there are no budgets
	open      func() Store

	mu     sync.RWMutex
	stores map[caller]Store
}

func newCallers(cfg Config) *callers {
	c := &callers{everybody: cfg.Store}
	if cfg.Limited == nil || cfg.Budget <= 0 {
		return c
	}
	c.stores = map[caller]Store{}
	c.open = func() Store { return cfg.Limited(newBudget(cfg.Budget, cfg.Now, &cfg.Metrics.refused)) }
	return c
}

// store returns the Store as this caller has it.
func (c *callers) store(who caller) Store {
	if c.open == nil {
		return c.everybody
	}
	c.mu.RLock()
	s, ok := c.stores[who]
	c.mu.RUnlock()
	if ok {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.stores) >= maxCallers {
		who = caller{token: -1, user: -1}
	}
	s, ok = c.stores[who]
	if !ok {
		s = c.open()
		c.stores[who] = s
	}
	return s
}
