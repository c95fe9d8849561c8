// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"
)

const (
	// The refresh of a value in use begins between these fractions of its life.
	refreshFrom, refreshTo = 0.75, 0.90
	// A source that is down is asked again after this time, twice as long each time
	// up to the second.
	firstRetry, lastRetry = time.Second, 30 * time.Second
	// confirmAfter is how long a source must keep saying that an older version is
	// the current one. A replica that lags behind does not; a version that was
	// rolled back stays rolled back.
	confirmAfter = 5 * time.Second
	// leastLife is the life of a value whose NotAfter has come: a rotation that is
	// due happens within a window.
	leastLife = 5 * time.Second
)

// entry is what is known of one thing at one stage or version. The cache's lock
// guards it, but for used.
type entry struct {
	refs []Ref // all that find it; the first is what it was first asked by
	size int64 // as counted in Cache.bytes

	value   *Value // nil while there is none
	version string // of the last value
	fetched time.Time
	refresh time.Time // when use starts a refresh; zero means never
	expires time.Time // zero means never
	usable  time.Time // when even a stale value ends

	err      error // a refusal, until errUntil
	errUntil time.Time
	retryAt  time.Time // the source is unavailable: not to be asked before this
	failures int

	doubtSince time.Time // when the source first told of an older version
	failed     failure
	flight     *flight
	used       atomic.Int64 // Unix time in nanoseconds of the last use
}

// failure is the last report that a version did not work for its user.
type failure struct {
	version string
	at      time.Time
	asked   chan struct{} // closed when who reported it first has asked the source
}

func (e *entry) touch(now time.Time) { e.used.Store(now.UnixNano()) }

// inUse reports whether the value was asked for since it came.
func (e *entry) inUse() bool { return e.used.Load() > e.fetched.UnixNano() }

// state is what an entry is good for at one moment.
type state uint8

const (
	absent   state = iota // the source must be asked
	fresh                 // the value is the answer
	lapsed                // the source must be asked; the value may stand in
	standsIn              // the value is the answer because the source is known to be down
	refused               // the error is the answer
)

func (e *entry) state(now time.Time) state {
	switch {
	case e.value == nil:
		if e.err != nil && now.Before(e.errUntil) && e.errUntil.Sub(now) <= MaxNegative {
			return refused
		}
		return absent
	case now.Before(e.fetched): // the clock went back: nobody knows the age
	case e.expires.IsZero() || now.Before(e.expires):
		return fresh
	case !now.Before(e.usable):
		return absent
	}
	if e.waits(now) {
		return standsIn
	}
	return lapsed
}

// waits reports whether the source failed so recently that it is left alone. A time
// that is too far ahead was set by a clock that has since gone back.
func (e *entry) waits(now time.Time) bool {
	return now.Before(e.retryAt) && e.retryAt.Sub(now) <= lastRetry
}

// due reports whether use at this moment should start a refresh.
func (e *entry) due(now time.Time) bool {
	return !e.flying(now) && e.value != nil && !e.refresh.IsZero() && !now.Before(e.refresh) && !e.waits(now)
}

// install takes over v as the entry's value, unless it is older than the one held and
// not yet to be believed.
func (e *entry) install(v Value, now time.Time, life lifetime) {
	e.err, e.failures, e.retryAt = nil, 0, time.Time{}
	if e.older(v) && !e.believed(now) {
		v.Wipe()
		again := now.Add(confirmAfter)
		e.refresh = again
		if e.expires.Before(again) {
			e.expires = again
			e.usable = later(e.usable, again)
		}
		return
	}
	if e.value != nil {
		e.value.Wipe()
	}
	e.value, e.fetched, e.doubtSince = &v, now, time.Time{}
	e.refresh, e.expires, e.usable = life.of(v, now)
}

// makeDo takes over v, which stands in for what the source would say, unless the value held
// is as good and may still be served. Either way the source is unavailable.
func (e *entry) makeDo(v Value, now time.Time, life lifetime) {
	e.err = nil
	serves := e.value != nil && (e.expires.IsZero() || now.Before(e.usable))
	if serves && (e.value.VersionID == v.VersionID || e.older(v) || v.AsOf.Before(e.fetched)) {
		v.Wipe()
	} else {
		if e.value != nil {
			e.value.Wipe()
		}
		e.value, e.fetched, e.doubtSince = &v, v.AsOf, time.Time{}
		e.refresh, e.expires, e.usable = now, now, v.atMost(now.Add(life.Stale))
	}
	e.delay(now, life.jitter, life.Stale)
}

// lapse makes a value that was fresh one for which the source must be asked.
func (e *entry) lapse(now time.Time) {
	if now.Before(e.expires) {
		e.refresh, e.expires = now, now
	}
}

// older reports whether v is a version from before the one held.
func (e *entry) older(v Value) bool {
	h := e.value
	return h != nil && h.VersionID != v.VersionID && !v.Created.IsZero() && v.Created.Before(h.Created)
}

// believed reports whether an older version is to replace the one held: the source has
// told of it for long enough, or the one held does not work.
func (e *entry) believed(now time.Time) bool {
	if e.failed.version == e.value.VersionID {
		return true
	}
	if e.doubtSince.IsZero() || now.Before(e.doubtSince) {
		e.doubtSince = now
	}
	return now.Sub(e.doubtSince) >= confirmAfter
}

// delay notes that the source is unavailable. If the clock went back, the time for
// which the value may stand in begins anew.
func (e *entry) delay(now time.Time, jitter float64, stale time.Duration) {
	if now.Before(e.fetched) {
		e.fetched, e.refresh, e.expires, e.usable = now, now, now, e.value.atMost(now.Add(stale))
	}
	wait := min(lastRetry, firstRetry<<min(e.failures, 5))
	e.failures++
	e.retryAt = now.Add(wait/2 + time.Duration(jitter*float64(wait/2)))
}

// refuse forgets the value and keeps the error for moments.
func (e *entry) refuse(err error, until time.Time) {
	if e.value != nil {
		e.value.Wipe()
		e.value = nil
	}
	e.err, e.errUntil = err, until
	e.doubtSince, e.failed = time.Time{}, failure{}
	e.failures, e.retryAt = 0, time.Time{}
}

// lifetime is what decides how long an entry lives.
type lifetime struct {
	Policy
	permanent bool
	jitter    float64
}

// of returns when a value that came now is to be refreshed, when it is no longer
// fresh, and when it is of no use.
func (l lifetime) of(v Value, now time.Time) (refresh, expires, usable time.Time) {
	if l.permanent {
		return time.Time{}, time.Time{}, time.Time{}
	}
	ttl := l.TTL
	if !v.NotAfter.IsZero() {
		ttl = min(ttl, max(leastLife, v.NotAfter.Sub(now)))
	}
	if !v.Ends.IsZero() {
		ttl = min(ttl, max(0, v.Ends.Sub(now)))
	}
	at := refreshFrom + (refreshTo-refreshFrom)*l.jitter
	expires = now.Add(ttl)
	return now.Add(time.Duration(float64(ttl) * at)), expires, v.atMost(expires.Add(l.Stale))
}

// atMost returns t, or the value's own end if that comes before.
func (v *Value) atMost(t time.Time) time.Time {
	if !v.Ends.IsZero() && v.Ends.Before(t) {
		return v.Ends
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// systemJitter returns a random number in [0,1).
func systemJitter() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}
