// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import "time"

// Window is a span of time within which a secret is to be rotated once: from Start until
// before End, both on the hour and in UTC.
type Window struct{ Start, End time.Time }

// Contains reports whether t is in the window.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Last is the last second of the window. It is what NextRotationDate tells of the window
// that comes next: "The next rotation is scheduled to occur on or before this date"
// (DescribeSecret), of which AWS is seen to answer 23:59:59 of the day of a rate in days.
func (w Window) Last() time.Time { return w.End.Add(-time.Second) }

// Next returns the first window that begins after that instant, and after from, which is
// when the secret was last rotated: by Secrets Manager or by a caller who put a new value,
// which counts as much (RotationRulesType); or, before that, when the rules were set.
//
// Windows of a rate are counted from there: they begin one interval later, two, and so
// on, so that one that passed unused does not move those that follow. Those of a cron
// expression depend on from in nothing but that they begin later.
//
// With the time of from for both, it is the window that NextRotationDate tells. It is
// false for zero Rules alone.
func (r Rules) Next(from, after time.Time) (Window, bool) {
	switch {
	case r.IsZero():
		return Window{}, false
	case r.cron != nil:
		if after.Before(from) {
			after = from
		}
		return r.window(r.cron.next(after.UTC())), true
	}
	return r.window(r.begin(from, r.passed(from, after)+1)), true
}

// Open returns the window that is open at that instant, if it began after from: then the
// secret is due, and has not been rotated in it.
func (r Rules) Open(from, at time.Time) (Window, bool) {
	// No window is longer than a day or the time to the next one, so that the one that is
	// open, if any, is the last that began, and began less than a day ago.
	for w, ok := r.Next(from, at.Add(-MaxDuration)); ok && !w.Start.After(at); w, ok = r.Next(from, w.Start) {
		if w.Contains(at) {
			return w, true
		}
	}
	return Window{}, false
}

// Overdue returns the rules by which a secret is rotated whose window has passed without a
// rotation: a rate in days then opens one each day, at the same hours, so that the secret
// isn't left as it is for that many days more. AWS says only that it tries again during
// open windows. The other forms are as they were.
func (r Rules) Overdue() Rules {
	r.every = min(r.every, day)
	return r
}

// Days is the number of days between rotations that DescribeSecret and ListSecrets tell as
// AutomaticallyAfterDays, which AWS calculates "from the rotation schedule after every
// successful rotation": from the day of from to that of the next window, and 1 at least,
// as AWS was seen to answer for a rate in hours, MaxDays at most. It is zero for zero Rules.
func (r Rules) Days(from time.Time) int64 {
	w, ok := r.Next(from, from)
	if !ok {
		return 0
	}
	return min(max(1, int64(midnight(w.Start).Sub(midnight(from))/day)), MaxDays)
}

func (r Rules) window(start time.Time) Window { return Window{start, start.Add(r.length)} }

// passed is how many windows of a rate have begun until then. It counts in seconds: a
// Duration has room for 292 years only.
func (r Rules) passed(from, until time.Time) int64 {
	return max(0, (until.Unix()-r.begin(from, 0).Unix())/int64(r.every/time.Second))
}

// begin returns the start of a rate's nth window since from.
func (r Rules) begin(from time.Time, n int64) time.Time {
	base := from.UTC().Truncate(time.Hour)
	if r.every >= day {
		base = midnight(from)
	}
	return time.Unix(base.Unix()+n*int64(r.every/time.Second), 0).UTC()
}

// midnight returns the start of t's day by UTC.
func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
