// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"strings"
	"time"
)

// field is one field of a cron expression: its least and greatest number, and the names
// that stand for numbers from the least on.
type field struct {
	least, most int
	names       []string
}

var (
	hourField     = field{least: 0, most: 23}
	monthDayField = field{least: 1, most: 31}
	monthField    = field{least: 1, most: 12, names: []string{
		"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
	}}
	weekdayField = field{least: 1, most: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

// saturday is the last day of the week.
const saturday = 7

// parseCron reads the six fields. Minutes must be 0 and the year *, "because Secrets
// Manager rotation windows start on the hour" and because it "does not support rotation
// schedules that are more than a year apart" (User Guide, "Rotation schedules").
func parseCron(fields []string) (*cron, error) {
	if len(fields) != 6 || fields[0] != "0" || fields[5] != "*" {
		return nil, errExpression
	}
	c, ok := &cron{}, false
	if c.hours, ok = hourField.set(fields[1]); !ok || c.apart() < MinHours*time.Hour {
		return nil, errExpression
	}
	if c.months, ok = monthField.set(fields[3]); !ok {
		return nil, errExpression
	}
	// Either of the day's fields is "?", and the other is not.
	switch monthDay, weekday := fields[2], fields[4]; {
	case weekday == "?" && monthDay != "?":
		c.days, ok = monthDayRule(strings.ToUpper(monthDay))
	case monthDay == "?" && weekday != "?":
		c.days, ok = weekdayRule(strings.ToUpper(weekday))
	default:
		ok = false
	}
	if !ok || !c.comes() {
		return nil, errExpression
	}
	return c, nil
}

// monthDayRule reads Day-of-month: numbers, L, LW, 15W, and SUNL, which the User Guide has
// here and others in Day-of-week.
func monthDayRule(text string) (rule, bool) {
	switch text {
	case "L":
		return rule{kind: lastDay}, true
	case "LW":
		return rule{kind: lastOfWeekdays}, true
	}
	if to, ok := strings.CutSuffix(text, "W"); ok {
		n, ok := monthDayField.value(to)
		return rule{kind: nearestTo, day: n}, ok
	}
	if name, ok := strings.CutSuffix(text, "L"); ok {
		n, ok := weekdayField.value(name)
		_, isNumber := number(name)
		return rule{kind: lastWeekday, day: n}, ok && !isNumber
	}
	days, ok := monthDayField.set(text)
	return rule{kind: byMonthDay, set: days}, ok
}

// weekdayRule reads Day-of-week: numbers and names, TUE#3, SUNL, and L for Saturday.
func weekdayRule(text string) (rule, bool) {
	if text == "L" {
		return rule{kind: byWeekday, set: 1 << saturday}, true
	}
	if name, nth, ok := strings.Cut(text, "#"); ok {
		weekday, known := weekdayField.value(name)
		n, isNumber := number(nth)
		return rule{kind: nthWeekday, day: weekday, nth: n}, known && isNumber && n >= 1 && n <= 5
	}
	if name, ok := strings.CutSuffix(text, "L"); ok {
		n, ok := weekdayField.value(name)
		return rule{kind: lastWeekday, day: n}, ok
	}
	days, ok := weekdayField.set(text)
	return rule{kind: byWeekday, set: days}, ok
}

// set reads a list of what span reads.
func (f field) set(text string) (set, bool) {
	var all set
	for item := range strings.SplitSeq(strings.ToUpper(text), ",") {
		from, to, step, ok := f.span(item)
		if !ok {
			return 0, false
		}
		// A range may go over the end, as FRI-MON does.
		size := f.most - f.least + 1
		for i := 0; i <= (to-from+size)%size; i += step {
			all |= 1 << (f.least + (from-f.least+i)%size)
		}
	}
	return all, true
}

// span reads an item of a list: *, 5, 5-10, or one of these with an increment, as 5/10,
// which goes on to the field's end, and /10, which begins with the field.
func (f field) span(item string) (from, to, step int, ok bool) {
	base, increment, stepped := strings.Cut(item, "/")
	step = 1
	if stepped {
		if step, ok = number(increment); !ok || step < 1 || step > f.most {
			return 0, 0, 0, false
		}
	}
	switch low, high, ranged := strings.Cut(base, "-"); {
	case base == "*", base == "" && stepped:
		return f.least, f.most, step, true
	case ranged:
		from, ok = f.value(low)
		if to, ranged = f.value(high); !ranged {
			ok = false
		}
	case stepped:
		from, ok = f.value(base)
		to = f.most
	default:
		from, ok = f.value(base)
		to = from
	}
	return from, to, step, ok
}

// value reads a number of the field, or a name.
func (f field) value(text string) (int, bool) {
	for i, name := range f.names {
		if text == name {
			return f.least + i, true
		}
	}
	n, ok := number(text)
	return n, ok && n >= f.least && n <= f.most
}
