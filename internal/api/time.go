// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// Time is a timestamp on the wire. AWS's JSON protocols carry seconds since 1970
// with a fraction of milliseconds; the Query protocol carries ISO 8601.
type Time struct{ time.Time }

// NewTime returns t cut to the milliseconds that the wire carries, in UTC.
func NewTime(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON writes seconds, with three decimals where the time has a fraction.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (t Time) AppendJSON(b []byte) []byte {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(b, ms/1000, 10)
	}
	return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
}

// UnmarshalJSON reads a number of seconds. null leaves the Time as it is.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > 253402300799 { // 9999-12-31
		return errors.New("expected a timestamp in seconds")
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
