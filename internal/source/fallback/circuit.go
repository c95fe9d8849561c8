// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"time"
)

// A primary that failed is left alone for this time, twice as long each time up to the
// second.
const firstRest, longestRest = time.Second, 30 * time.Second

// circuit is what is known of a service's health. A service without one is well.
type circuit struct {
	failures int
	until    time.Time // is left alone
	probing  bool      // a call finds out whether it is well again
}

// admits reports whether the primary is to be asked. Of those who ask after its rest one
// is let through, until it is known what came of it.
func (s *Source) admits(name string) bool {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.circuits[name]
	if c == nil {
		return true
	}
	rests := now.Before(c.until) && c.until.Sub(now) <= longestRest // else the clock went back
	if rests || c.probing {
		return false
	}
	c.probing = true
	return true
}

// note takes what came of asking the primary. A refusal is a sign of health.
func (s *Source) note(name string, err error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.circuits[name]
	switch {
	case !unavailable(err):
		if delete(s.circuits, name); c != nil {
			s.Log.Info("the source is available again", "source", name)
		}
	case c == nil:
		s.circuits[name] = &circuit{until: now.Add(firstRest), failures: 1}
		s.Log.Warn("the source is unavailable: asking what stands in for it", "source", name, "error", err.Error())
	case c.probing || !now.Before(c.until):
		c.until = now.Add(min(longestRest, firstRest<<min(c.failures, 5)))
		c.failures++
		c.probing = false
	}
}

// abandon takes back a call that came to nothing.
func (s *Source) abandon(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.circuits[name]; c != nil {
		c.probing = false
	}
}

// now is the wall clock without the monotonic reading, which stands still in a freeze.
func (s *Source) now() time.Time { return s.Now().Round(0) }
