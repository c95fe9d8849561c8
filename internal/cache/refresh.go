// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"time"
)

// failedEvery is how often the report that one version failed leads to a refresh.
const failedEvery = 10 * time.Second

// Refresh is Cache.Refresh within the caller's budget: when that is spent, what is held is
// the answer.
func (c Caller) Refresh(ctx context.Context, ref Ref) (Answer, error) {
	ref = ref.normal()
	if c.bypasses(ref) {
		return c.direct(ctx, ref)
	}
	var before *flight
	for {
		f, began, err := c.boardAfter(ref, before)
		if err != nil {
			return c.insteadOf(ref, err)
		}
		answer, err := c.wait(ctx, f)
		if began && err == nil {
			return answer, nil
		}
		answer.Wipe()
		if began || ctx.Err() != nil {
			return Answer{}, err
		}
		before = f // it was under way at the call: what it brought may be old
	}
}

// boardAfter joins a flight for ref, and reports whether it began after the flight
// before, or now if that is nil.
func (c Caller) boardAfter(ref Ref, before *flight) (*flight, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	e, err := c.asked(ref, now)
	if err != nil {
		return nil, false, err
	}
	if f := e.flight; e.flying(now) {
		return f.join(), before != nil, nil
	}
	f, err := c.launch(e, ref)
	if err != nil {
		return nil, false, err
	}
	return f.join(), true, nil
}

// Failed is Cache.Failed within the caller's budget.
func (c Caller) Failed(ctx context.Context, ref Ref, versionID string) (Answer, error) {
	ref = ref.normal()
	answer, err := c.afterFailure(ctx, ref, versionID)
	if err != nil || answer.VersionID != versionID || ref.Kind != Secret || ref.Stage != current {
		return answer, err
	}
	ref.Stage = previous
	if other, err := c.Get(ctx, ref); err == nil && other.VersionID != versionID {
		answer.Wipe()
		return other, nil
	}
	return answer, nil
}

func (c Caller) afterFailure(ctx context.Context, ref Ref, versionID string) (Answer, error) {
	if c.bypasses(ref) {
		return c.direct(ctx, ref)
	}
	asked, first := c.report(ref, versionID)
	switch {
	case first:
		defer close(asked)
		return c.Refresh(ctx, ref)
	case asked != nil:
		select {
		case <-asked:
		case <-ctx.Done():
			return Answer{}, context.Cause(ctx)
		}
	}
	return c.Get(ctx, ref)
}

// report notes the failure, and returns whether the caller is the first to tell of it, who
// is to ask the source and then to close the channel. Others wait for that: a flight that
// is under way may have begun before there was another version. The channel is nil if
// another version is held.
func (c *Cache) report(ref Ref, versionID string) (asked chan struct{}, first bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.index[ref]
	if e == nil || e.value == nil || e.value.VersionID != versionID {
		return nil, false
	}
	since := now.Sub(e.failed.at)
	if e.failed.version != versionID || since < 0 || since >= failedEvery {
		e.failed = failure{versionID, now, make(chan struct{})}
		return e.failed.asked, true
	}
	return e.failed.asked, false
}

// RefreshDue starts a refresh of each entry that was used since it came and whose time
// for a refresh comes within d. It does not wait for them.
func (c *Cache) RefreshDue(d time.Duration) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.paused.Load() {
		return
	}
	for e := range c.items {
		if e.inUse() && e.due(now.Add(d)) && !e.waits(now) {
			c.start(e, e.refs[0])
		}
	}
}

// Settle waits until the fetches that are under way have ended, or ctx has.
func (c *Cache) Settle(ctx context.Context) {
	c.mu.RLock()
	var flights []*flight
	for e := range c.items {
		if e.flight != nil {
			flights = append(flights, e.flight)
		}
	}
	c.mu.RUnlock()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}
