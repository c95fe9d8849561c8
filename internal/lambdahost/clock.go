// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"sync/atomic"
	"time"
)

// Clock tells the wall clock time that a process of the environment sees.
type Clock interface {
	Now() time.Time
}

// WallClock is a wall clock that a freeze can set ahead. Its zero value shows the
// system's time and is ready for use.
//
// A frozen environment is not scheduled. When it is thawed its wall clock has moved
// on, while its monotonic clock, and so every timer and every deadline that Go keeps,
// may have stood still. A Program can't be stopped, so a WallClock shows it the same
// thing from the other side: Advance moves the time that Now returns, at once, and no
// timer fires. Now's times carry no monotonic reading, so that Sub, Before and After
// compare what a wall clock would show.
//
// Code under test must ask this clock whenever it judges an expiry, and may use
// package time for timers. Under testing/synctest Now follows the bubble's fake time.
// A WallClock may be used by several goroutines and must not be copied after use.
type WallClock struct {
	ahead atomic.Int64 // nanoseconds
}

var _ Clock = (*WallClock)(nil)

// Now returns the time, without a monotonic reading.
func (c *WallClock) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.ahead.Load()))
}

// Advance sets the clock ahead by d.
func (c *WallClock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }
