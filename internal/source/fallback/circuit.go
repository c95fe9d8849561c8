// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"time"
)

// A primary that failed is left alone for this time, twice as long each time up to the
// second.
const firstRest, longestRest = time.Second, 30 * time.Second

// probeTime is what a primary has to show that it is well again, while somebody waits for
// what stands in for it.
const probeTime = 500 * time.Millisecond

// health says how a primary is to be asked.
type health uint8

const (
	well   health = iota
	rests         // not before what stands in for it
	probed        // for a short time
)

// circuit is what is known of a service's health. A service without one is well.
type circuit struct {
	failures int
	until    time.Time // is left alone
	probing  bool      // a call finds out whether it is well again
}

// health returns a service's. Of those who ask after its rest one is to probe it, until it
// is known what came of that.
func (s *Source) health(name string) health {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.circuits[name]
	switch {
	case c == nil:
		return well
	case c.probing, now.Before(c.until) && c.until.Sub(now) <= longestRest: // else the clock went back
		return rests
	}
	c.probing = true
	return probed
}

// isWell reports whether nothing is known against a service.
func (s *Source) isWell(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.circuits[name] == nil
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
