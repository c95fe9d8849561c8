// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"math/bits"
	"time"
)

// cron is a cron expression, parsed: hours, and the days on which they count.
type cron struct {
	hours, months set
	days          rule
}

// set is a set of the numbers from 0 to 31.
type set uint32

func (s set) has(n int) bool { return s&(1<<n) != 0 }
func (s set) one() bool      { return bits.OnesCount32(uint32(s)) == 1 }
func (s set) last() int      { return bits.Len32(uint32(s)) - 1 }

// next returns the least number of the set that is at least n.
func (s set) next(n int) (int, bool) {
	rest := s >> n << n
	return bits.TrailingZeros32(uint32(rest)), rest != 0
}

// rule says which days of a month count. Of its kinds exactly one is given.
type rule struct {
	kind kind
	set  set // byMonthDay: days of the month; byWeekday: days of the week, Sunday being 1
	day  int // nearestTo: of the month; nthWeekday and lastWeekday: of the week, Sunday being 1
	nth  int // nthWeekday: 1 to 5
}

type kind uint8

const (
	byMonthDay     kind = iota + 1 // set: 1,15 or *
	byWeekday                      // set: MON-FRI
	nthWeekday                     // TUE#3
	lastWeekday                    // SUNL
	lastDay                        // L
	nearestTo                      // 15W: the weekday nearest to a day, in the same month
	lastOfWeekdays                 // LW
)

// matches reports whether a day counts.
func (r rule) matches(t time.Time) bool {
	n, length := t.Day(), monthLength(t)
	weekday := int(t.Weekday()) + 1
	switch r.kind {
	case byMonthDay:
		return r.set.has(n)
	case byWeekday:
		return r.set.has(weekday)
	case nthWeekday:
		return weekday == r.day && (n-1)/7+1 == r.nth
	case lastWeekday:
		return weekday == r.day && n+7 > length
	case lastDay:
		return n == length
	case nearestTo:
		return r.day <= length && n == nearest(t, r.day, length)
	case lastOfWeekdays:
		return n == nearest(t, length, length)
	}
	return false
}

// nearest returns the day of t's month from Monday to Friday that is nearest to a day of
// it, which is not looked for in another month: the Monday after a first that is a Saturday.
func nearest(t time.Time, to, length int) int {
	switch t.AddDate(0, 0, to-t.Day()).Weekday() {
	case time.Saturday:
		if to == 1 {
			return 3
		}
		return to - 1
	case time.Sunday:
		if to == length {
			return to - 2
		}
		return to + 1
	}
	return to
}

func monthLength(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// next returns the first hour after t, which is in UTC, that the expression names. There
// is one: parseCron has seen to that.
func (c *cron) next(t time.Time) time.Time {
	hour := t.Truncate(time.Hour).Add(time.Hour)
	date := midnight(hour)
	for first := hour.Hour(); ; first = 0 {
		if !c.months.has(int(date.Month())) {
			date = time.Date(date.Year(), date.Month()+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		}
		if h, ok := c.hours.next(first); ok && c.days.matches(date) {
			return date.Add(time.Duration(h) * time.Hour)
		}
		date = date.AddDate(0, 0, 1)
	}
}

// comes reports whether the expression names any day at all: one of a leap year whose
// first day is that of the week that it has to be, which every 28 years have.
func (c *cron) comes() bool {
	const cycle = 28
	for date := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); date.Year() < 2000+cycle; date = date.AddDate(0, 0, 1) {
		if c.months.has(int(date.Month())) && c.days.matches(date) {
			return true
		}
	}
	return false
}

func (c *cron) lastHour() int { return c.hours.last() }

// apart is the least time between two hours of a day that the expression names; a day, if
// it names one.
func (c *cron) apart() time.Duration {
	least := day
	for h, ok := c.hours.next(0); ok; {
		next, more := c.hours.next(h + 1)
		if more {
			least = min(least, time.Duration(next-h)*time.Hour)
		}
		h, ok = next, more
	}
	return least
}
