// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package schedule_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/schedule"
)

// reading is the meaning of an expression as a person would say it: is there a window that
// begins at this hour?
type reading func(time.Time) bool

// expression draws a cron expression, with what it means.
func expression(t *rapid.T) (string, reading) {
	hours, hourOf := list(t, "hours", 0, 23, 4)
	months, monthOf := list(t, "months", 1, 12, 1)
	day, weekday, dayOf := days(t)
	return fmt.Sprintf("cron(0 %s %s %s %s *)", hours, day, months, weekday), func(at time.Time) bool {
		return hourOf(at.Hour()) && monthOf(int(at.Month())) && dayOf(at)
	}
}

// list draws a field that consists of numbers, which are that far apart at least.
func list(t *rapid.T, label string, least, most, apart int) (string, func(int) bool) {
	first := rapid.IntRange(least, most).Draw(t, label)
	switch rapid.IntRange(0, 3).Draw(t, label+" form") {
	case 0:
		if apart == 1 {
			return "*", func(int) bool { return true }
		}
	case 1:
		step := rapid.IntRange(apart, most).Draw(t, label+" step")
		return fmt.Sprintf("%d/%d", first, step), func(n int) bool { return n >= first && (n-first)%step == 0 }
	case 2:
		last := rapid.IntRange(first, most).Draw(t, label+" last")
		return fmt.Sprintf("%d-%d/%d", first, last, apart), func(n int) bool { return n >= first && n <= last && (n-first)%apart == 0 }
	}
	second := first + apart + 1
	if second > most {
		return strconv.Itoa(first), func(n int) bool { return n == first }
	}
	return fmt.Sprintf("%d,%d", second, first), func(n int) bool { return n == first || n == second }
}

// days draws the two fields of which one is "?".
func days(t *rapid.T) (day, weekday string, is func(time.Time) bool) {
	n := rapid.IntRange(1, 28).Draw(t, "day")
	w := rapid.IntRange(1, 7).Draw(t, "weekday")
	isWeekday := func(at time.Time) bool { return int(at.Weekday())+1 == w }
	name := []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}[w-1]
	switch rapid.IntRange(0, 6).Draw(t, "kind of day") {
	case 0:
		text, of := list(t, "days", 1, 31, 1)
		return text, "?", func(at time.Time) bool { return of(at.Day()) }
	case 1:
		text, of := list(t, "weekdays", 1, 7, 1)
		return "?", text, func(at time.Time) bool { return of(int(at.Weekday()) + 1) }
	case 2:
		return "L", "?", func(at time.Time) bool { return at.AddDate(0, 0, 1).Day() == 1 }
	case 3:
		return "?", name + "L", func(at time.Time) bool { return isWeekday(at) && at.AddDate(0, 0, 7).Day() <= 7 }
	case 4:
		nth := rapid.IntRange(1, 4).Draw(t, "nth")
		return "?", fmt.Sprintf("%d#%d", w, nth), func(at time.Time) bool {
			return isWeekday(at) && at.AddDate(0, 0, -7*nth).Month() != at.Month() && at.AddDate(0, 0, -7*(nth-1)).Month() == at.Month()
		}
	case 5:
		return fmt.Sprintf("%dW", n), "?", func(at time.Time) bool { return nearestWeekday(at, n) == at.Day() }
	}
	return "LW", "?", func(at time.Time) bool {
		for later := at.AddDate(0, 0, 1); later.Month() == at.Month(); later = later.AddDate(0, 0, 1) {
			if !isWeekend(later) {
				return false
			}
		}
		return !isWeekend(at)
	}
}

func isWeekend(at time.Time) bool {
	return at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
}

// nearestWeekday looks further and further away from the nth of at's month.
func nearestWeekday(at time.Time, n int) int {
	nth := time.Date(at.Year(), at.Month(), n, 0, 0, 0, 0, time.UTC)
	for _, away := range []int{0, -1, 1, -2, 2} {
		d := nth.AddDate(0, 0, away)
		if d.Month() == at.Month() && !isWeekend(d) {
			return d.Day()
		}
	}
	return 0
}

// instant draws a time of the years from 2000 to 2103, in seconds.
func instant(t *rapid.T, label string) time.Time {
	return time.Unix(rapid.Int64Range(946684800, 4228243200).Draw(t, label), 0).UTC()
}

// TestNextIsTheFirst tries every hour, one by one.
func TestNextIsTheFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, means := expression(t)
		r, err := schedule.Parse(0, text, "")
		hour := instant(t, "after")
		after := hour
		hour = hour.Truncate(time.Hour).Add(time.Hour)
		for range 10 * 366 * 24 {
			if means(hour) {
				break
			}
			hour = hour.Add(time.Hour)
		}
		if !means(hour) {
			return // it never comes, or so rarely that one need not look for it here
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		w, ok := r.Next(after, after)
		if !ok || !w.Start.Equal(hour) {
			t.Fatalf("%s after %s: %s, want %s", text, after, w.Start, hour)
		}
	})
}

// rules draws rules of every form.
func rules(t *rapid.T) (int64, string) {
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return rapid.Int64Range(1, schedule.MaxDays).Draw(t, "days"), ""
	case 1:
		return 0, fmt.Sprintf("rate(%d days)", rapid.IntRange(1, schedule.MaxRateDays).Draw(t, "rate"))
	case 2:
		return 0, fmt.Sprintf("rate(%d hours)", rapid.IntRange(schedule.MinHours, schedule.MaxRateHours).Draw(t, "rate"))
	}
	text, _ := expression(t)
	return 0, text
}

// TestWindows holds what is true of windows whatever the rules are.
func TestWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days, text := rules(t)
		duration := rapid.SampledFrom([]string{"", "1h", "2h", "4h", "7h", "24h"}).Draw(t, "duration")
		r, err := schedule.Parse(days, text, duration)
		if err != nil {
			return // it never comes, or the duration is too long
		}
		from, after := instant(t, "from"), instant(t, "after")
		w, ok := r.Next(from, after)
		next, more := r.Next(from, w.Start)
		inHours := strings.Contains(text, "hours")
		switch {
		case !ok || !more:
			t.Fatal("there is no window")
		case !w.Start.After(from) || !w.Start.After(after):
			t.Fatalf("begins at %s", w.Start)
		case w.Start.Truncate(time.Hour) != w.Start || w.End.Truncate(time.Hour) != w.End:
			t.Fatalf("%v is not on the hour", w)
		case w.End.After(next.Start):
			t.Fatalf("%v runs into %v", w, next)
		case !inHours && w.Last().Day() != w.Start.Day():
			t.Fatalf("%v runs into the next day", w)
		case duration == "1h" && w.End.Sub(w.Start) != time.Hour:
			t.Fatalf("%v is not an hour", w)
		}
		inside := w.Start.Add(time.Duration(rapid.Int64Range(0, int64(w.End.Sub(w.Start)-1)).Draw(t, "inside")))
		if got, ok := r.Open(from, inside); !ok || got != w {
			t.Fatalf("at %s is open %v, %t, want %v", inside, got, ok, w)
		}
		if got, ok := r.Open(inside, inside); ok {
			t.Fatalf("%v is open for what was rotated in it", got)
		}
		if got, ok := r.Open(from, w.End); ok && got == w {
			t.Fatalf("%v is open at its end", w)
		}
	})
}

// FuzzParse holds that what is taken has a window and reads the same again, and that
// what is refused says one of the messages of Secrets Manager.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"rate(10 days)", "rate(4 hours)", "cron(0 8/8 * * ? *)", "cron(0 1 ? 1/3 SUN#1 *)", "cron(0 0 LW * ? *)",
		"cron(0 0 29 2 ? *)", "cron(0 0 SUNL JAN-DEC/2 ? *)", "cron(0 ,/-#? * * ? *)",
	} {
		f.Add(int64(0), s, "1h")
	}
	f.Add(int64(30), "", "")
	from := time.Date(2026, 9, 7, 18, 14, 58, 0, time.UTC)
	f.Fuzz(func(t *testing.T, days int64, text, duration string) {
		r, err := schedule.Parse(days, text, duration)
		if err != nil {
			if !strings.HasSuffix(err.Error(), ".") || !r.IsZero() {
				t.Fatalf("error %v with rules %s", err, r)
			}
			return
		}
		if r.IsZero() {
			return
		}
		w, ok := r.Next(from, from)
		if !ok || !w.Start.After(from) || w.End.Sub(w.Start) < time.Hour || w.End.Sub(w.Start) > schedule.MaxDuration {
			t.Fatalf("window %v, %t", w, ok)
		}
		if days == schedule.MaxDays {
			return // which a rate can't say
		}
		again, err := schedule.Parse(0, r.String(), duration)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(starts(r, from), starts(again, from)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// starts are the beginnings of the first windows.
func starts(r schedule.Rules, from time.Time) (all []time.Time) {
	for at := from; len(all) < 5; all = append(all, at) {
		w, _ := r.Next(from, at)
		at = w.Start
	}
	return all
}
