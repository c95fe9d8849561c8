// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import "time"

// overdueBy is how long after its timeout a flight is taken for one that spanned a freeze:
// one that did not ends by a timer.
const overdueBy = time.Second

// flying reports whether the source is being asked on behalf of e. A flight that was in the
// air when the process was frozen is none: its connection is dead, and the timers that
// would end it have only gone on where they stood.
func (e *entry) flying(now time.Time) bool { return e.flight != nil && !e.flight.overdue(now) }

func (f *flight) overdue(now time.Time) bool {
	return !f.ends.IsZero() && now.After(f.ends.Add(overdueBy))
}

// detach parts e from its flight, which ends unless somebody waits for it. The caller holds
// the lock.
func (e *entry) detach() {
	f := e.flight
	e.flight, f.detached = nil, true
	if f.waiting == 0 {
		f.cancel()
	}
}

// part gives what came of a detached flight to those who wait for it. Nothing is kept. The
// caller holds the lock.
func (f *flight) part(v Value, err error, now time.Time) {
	if f.err = err; err == nil {
		f.answer = given(v, now)
		if f.waiting == 0 {
			v.Wipe()
		}
	}
	close(f.done)
}

// Cut ends the fetches that are under way and that nobody waits for: before the process is
// frozen, which they would not outlive. Each counts as a failure to reach the source, so
// that one that hangs is not asked again at every chance.
func (c *Cache) Cut() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.items {
		f := e.flight
		if f == nil || f.waiting > 0 {
			continue
		}
		e.detach()
		if e.value == nil {
			c.drop(e) // a name of which nothing is known takes no room
		} else {
			e.delay(now, c.jitter(), c.policies[f.ref.Kind].Stale)
		}
	}
}
