// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/schedule"
)

const day = 24 * time.Hour

// at reads a time as tests write it: "2026-09-07 18:14" by UTC.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func parse(t *testing.T, days int64, expression, duration string) schedule.Rules {
	t.Helper()
	r, err := schedule.Parse(days, expression, duration)
	if err != nil {
		t.Fatalf("Parse(%d, %q, %q): %v", days, expression, duration, err)
	}
	return r
}

// TestDocumentedExamples are those of "Rotation schedules", with what it says of each.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	for expression, c := range map[string]struct {
		from   string
		starts []string // the windows that follow
		length time.Duration
	}{
		"rate(4 hours)":      {"2026-09-07 18:14", []string{"2026-09-07 22:00", "2026-09-08 02:00"}, time.Hour},
		"rate(1 day)":        {"2026-09-07 18:14", []string{"2026-09-08 00:00", "2026-09-09 00:00"}, day},
		"rate(10 days)":      {"2026-12-27 23:59", []string{"2027-01-06 00:00", "2027-01-16 00:00"}, day},
		"cron(0 /8 * * ? *)": {"2026-09-07 18:14", []string{"2026-09-08 00:00", "2026-09-08 08:00", "2026-09-08 16:00"}, time.Hour},
		"cron(0 8/8 * * ? *)": {
			"2026-09-07 08:00", []string{"2026-09-07 16:00", "2026-09-08 08:00", "2026-09-08 16:00"}, time.Hour,
		},
		"cron(0 2/10 * * ? *)": {
			"2026-09-07 00:00",
			[]string{"2026-09-07 02:00", "2026-09-07 12:00", "2026-09-07 22:00", "2026-09-08 02:00"},
			time.Hour,
		},
		"cron(0 4/12 * * ? *)": {"2026-09-07 18:14", []string{"2026-09-08 04:00", "2026-09-08 16:00", "2026-09-09 04:00"}, time.Hour},
		"cron(0 10 * * ? *)":   {"2026-09-07 18:14", []string{"2026-09-08 10:00", "2026-09-09 10:00"}, 14 * time.Hour},
		"cron(0 18 ? * SAT *)": {"2026-09-07 18:14", []string{"2026-09-12 18:00", "2026-09-19 18:00"}, 6 * time.Hour},
		"cron(0 8 1 * ? *)":    {"2026-09-07 18:14", []string{"2026-10-01 08:00", "2026-11-01 08:00"}, 16 * time.Hour},
		"cron(0 17 L * ? *)":   {"2027-01-31 17:00", []string{"2027-02-28 17:00", "2027-03-31 17:00", "2027-04-30 17:00"}, 7 * time.Hour},
		"cron(0 8 ? * MON-FRI *)": {
			"2026-09-10 08:00", []string{"2026-09-11 08:00", "2026-09-14 08:00", "2026-09-15 08:00"}, 16 * time.Hour,
		},
		"cron(0 16 1,15 * ? *)": {"2026-12-15 17:00", []string{"2027-01-01 16:00", "2027-01-15 16:00"}, 8 * time.Hour},
		"cron(0 0 ? * SUN#1 *)": {"2026-09-07 18:14", []string{"2026-10-04 00:00", "2026-11-01 00:00"}, day},
		"cron(0 1 ? 1/3 SUN#1 *)": {
			"2026-09-07 18:14", []string{"2026-10-04 01:00", "2027-01-03 01:00", "2027-04-04 01:00"}, 23 * time.Hour,
		},
		"cron(0 0 ? 1/11 2#1 *)": {"2026-09-07 18:14", []string{"2026-12-07 00:00", "2027-01-04 00:00", "2027-12-06 00:00"}, day},
		// What it says of wildcards.
		"cron(0 0 1/2 * ? *)":  {"2026-09-28 12:00", []string{"2026-09-29 00:00", "2026-10-01 00:00", "2026-10-03 00:00"}, day},
		"cron(0 0 SUNL * ? *)": {"2026-09-07 18:14", []string{"2026-09-27 00:00", "2026-10-25 00:00", "2026-11-29 00:00"}, day},
		"cron(0 0 ? * TUE#3 *)": {
			"2026-09-07 18:14", []string{"2026-09-15 00:00", "2026-10-20 00:00"}, day,
		},
		"cron(0 0 ? * 1/2 *)": {
			"2026-09-07 18:14", []string{"2026-09-08 00:00", "2026-09-10 00:00", "2026-09-12 00:00", "2026-09-13 00:00"}, day,
		},
		"cron(0 0 ? * L *)": {"2026-09-07 18:14", []string{"2026-09-12 00:00", "2026-09-19 00:00"}, day},
		// And EventBridge's reference, of what it leaves out.
		"cron(0 0 3W * ? *)": {"2026-09-07 18:14", []string{"2026-10-02 00:00", "2026-11-03 00:00", "2026-12-03 00:00"}, day},
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			wantStarts(t, parse(t, 0, expression, ""), c.from, c.length, c.starts)
		})
	}
}

func wantStarts(t *testing.T, r schedule.Rules, from string, length time.Duration, starts []string) {
	t.Helper()
	after := at(t, from)
	for _, start := range starts {
		w, ok := r.Next(at(t, from), after)
		want := schedule.Window{Start: at(t, start), End: at(t, start).Add(length)}
		if diff := cmp.Diff(want, w); !ok || diff != "" {
			t.Errorf("the window of %s after %s is another one (-want +got):\n%s", r, after, diff)
		}
		after = w.Start
	}
}

// TestObservedDates are answers of DescribeSecret that AWS was seen to give.
func TestObservedDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		days             int64
		expression, from string
		next             string
		shows            int64
	}{
		{7, "", "2026-08-30 04:08", "2026-09-06 23:59", 7},
		{30, "", "2026-02-03 17:42", "2026-03-05 23:59", 30},
		{0, "cron(0 0 ? * 2 *)", "2026-09-07 18:14", "2026-09-14 23:59", 7},
	} {
		r := parse(t, c.days, c.expression, "")
		from := at(t, c.from)
		w, _ := r.Next(from, from)
		if want := at(t, c.next).Add(59 * time.Second); !w.Last().Equal(want) {
			t.Errorf("NextRotationDate of %s is %s, want %s", r, w.Last(), want)
		}
		if got := r.Days(from); got != c.shows {
			t.Errorf("AutomaticallyAfterDays of %s is %d, want %d", r, got, c.shows)
		}
	}
	if r := parse(t, 0, "rate(10 hours)", ""); r.Days(at(t, "2026-09-07 12:00")) != 1 {
		t.Error("a rate in hours is not shown as a day")
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		days                 int64
		expression, duration string
		length               time.Duration
		says                 string
	}{
		{7, "", "3h", 3 * time.Hour, ""},
		{7, "", "24h", day, ""},
		{0, "rate(10 days)", "1h", time.Hour, ""},
		{0, "rate(10 hours)", "10h", 10 * time.Hour, ""},
		{0, "rate(10 hours)", "11h", 0, "Duration cannot be greater than Rate in hour."},
		{0, "cron(0 8/8 * * ? *)", "2h", 2 * time.Hour, ""},
		{0, "cron(0 8/8 * * ? *)", "8h", 8 * time.Hour, ""},
		{0, "cron(0 8/8 * * ? *)", "9h", 0, "Duration cannot be greater than Rate in hour."},
		{0, "cron(0 4/12 * * ? *)", "9h", 0, "Starting hour and duration must be within a day."},
		{0, "cron(0 21 * * ? *)", "3h", 3 * time.Hour, ""},
		{0, "cron(0 21 * * ? *)", "03h", 3 * time.Hour, ""},
		{0, "cron(0 21 * * ? *)", "4h", 0, "Starting hour and duration must be within a day."},
		{0, "rate(1 day)", "0h", 0, "Duration must be at least 1 hour, at most 24 hour."},
		{0, "rate(1 day)", "25h", 0, "Duration must be at least 1 hour, at most 24 hour."},
		{0, "rate(1 day)", "3", 0, "Duration must be at least 1 hour, at most 24 hour."},
		{0, "rate(1 day)", "h", 0, "Duration must be at least 1 hour, at most 24 hour."},
		{0, "rate(1 day)", "+3h", 0, "Duration must be at least 1 hour, at most 24 hour."},
		{0, "", "3h", 0, "You must specify a rotation frequency or a schedule expression with a duration."},
	} {
		r, err := schedule.Parse(c.days, c.expression, c.duration)
		if wantError(t, err, c.says); c.says != "" {
			continue
		}
		w, _ := r.Next(at(t, "2026-09-07 18:14"), at(t, "2026-09-07 18:14"))
		if got := w.End.Sub(w.Start); got != c.length {
			t.Errorf("a window of %d, %q and %q has %s, want %s", c.days, c.expression, c.duration, got, c.length)
		}
	}
}

func wantError(t *testing.T, err error, says string) {
	t.Helper()
	if says == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	e, ok := errors.AsType[*schedule.Error](err)
	if !ok || e.Message != says {
		t.Errorf("error is %v, want %q", err, says)
	}
}

func TestRatesThatAreRefused(t *testing.T) {
	t.Parallel()
	const hours, days = "Rate in hour should be least 4 and less than 24.", "Rate in day should be greater than 0 and less than 1000."
	for expression, says := range map[string]string{
		"rate(3 hours)": hours, "rate(24 hours)": hours, "rate(0 hour)": hours,
		"rate(0 days)": days, "rate(1000 days)": days, "rate(9999 days)": days,
		"rate(4 hour)": "", "rate(1 days)": "", "rate(23 hours)": "", "rate(999 days)": "", "rate( 10  days )": "",
	} {
		_, err := schedule.Parse(0, expression, "")
		wantError(t, err, says)
	}
	_, err := schedule.Parse(7, "rate(7 days)", "")
	wantError(t, err, "You cannot specify both rotation frequency and schedule expression together.")
	for _, n := range []int64{-1, 1001} {
		_, err := schedule.Parse(n, "", "")
		wantError(t, err, "Rotation frequency must be at least 1 day, at most 1000 days.")
	}
	if r := parse(t, 1000, "", ""); r.String() != "rate(1000 days)" || r.Days(at(t, "2026-09-07 00:00")) != 1000 {
		t.Errorf("1000 days are %s", r)
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"rate", "rate()", "rate(10)", "rate(10 minutes)", "rate(2 weeks)", "rate(ten days)", "rate(-1 days)", "rate(+1 days)",
		"rate(1 day) ", " rate(1 day)", "Rate(1 day)", "rate(1 day", "rate(1.5 days)", "rate(10000 days)", "rate(1 day 2)", "10 days",
		"cron()", "cron(0 10 * * ?)", "cron(0 10 * * ? * *)", "0 10 * * ? *", "cron(0 10 * * ? *", "at(0 10 * * ? *)",
		"cron(5 10 * * ? *)", "cron(* 10 * * ? *)", "cron(0/30 10 * * ? *)", // minutes
		"cron(0 10 * * ? 2027)", "cron(0 10 * * ? ?)", // years
		"cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 1 * MON *)", "cron(0 1 * 1/3 SUN *)", // both days, or none
		"cron(0 24 * * ? *)", "cron(0 -1 * * ? *)", "cron(0 * * * ? *)", "cron(0 ? * * ? *)", "cron(0 0/3 * * ? *)",
		"cron(0 0,3 * * ? *)", "cron(0 8-17 * * ? *)", "cron(0 0/24 * * ? *)", "cron(0 0/0 * * ? *)", "cron(0 0/ * * ? *)", // hours
		"cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 1, * ? *)", "cron(0 0 ,1 * ? *)", "cron(0 0 1-2-3 * ? *)",
		"cron(0 0 1/2/3 * ? *)", "cron(0 0 / * ? *)", "cron(0 0 - * ? *)", "cron(0 0 MON * ? *)", "cron(0 0 L,1 * ? *)",
		"cron(0 0 0W * ? *)", "cron(0 0 32W * ? *)", "cron(0 0 W * ? *)", "cron(0 0 1-5W * ? *)", "cron(0 0 L-3 * ? *)",
		"cron(0 0 5L * ? *)", "cron(0 0 1#1 * ? *)", // days of the month
		"cron(0 0 1 0 ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 1 JANUARY ? *)", "cron(0 0 1 ? ? *)", "cron(0 0 1 L ? *)", // months
		"cron(0 0 ? * 0 *)", "cron(0 0 ? * 8 *)", "cron(0 0 ? * SUNDAY *)", "cron(0 0 ? * SUN#0 *)", "cron(0 0 ? * SUN#6 *)",
		"cron(0 0 ? * #1 *)", "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 ? * LW *)", "cron(0 0 ? * 3W *)", "cron(0 0 ? * MONL,TUE *)", // weekdays
		"cron(0 0 30 2 ? *)", "cron(0 0 31 APR,JUN,SEP,NOV ? *)", "cron(0 0 30W 2 ? *)", // what never comes
		"cron(0 0 1" + strings.Repeat(",1", 200) + " * ? *)", // longer than MaxExpression
	} {
		if _, err := schedule.Parse(0, expression, ""); err == nil || err.Error() != "Invalid schedule expression." {
			t.Errorf("%q: error is %v", expression, err)
		}
	}
}

// TestDaysThatAreHardToFind has the ends of months and years.
func TestDaysThatAreHardToFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expression, from string
		starts           []string
	}{
		{"cron(0 0 29 2 ? *)", "2026-09-07 00:00", []string{"2028-02-29 00:00", "2032-02-29 00:00"}},
		{"cron(0 0 29 2 ? *)", "2096-02-29 00:00", []string{"2104-02-29 00:00"}}, // 2100 is no leap year
		{"cron(0 0 ? 2 SUN#5 *)", "2026-09-07 00:00", []string{"2032-02-29 00:00", "2060-02-29 00:00"}},
		{"cron(0 0 31 * ? *)", "2026-08-31 00:00", []string{"2026-10-31 00:00", "2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"}},
		{"cron(0 23 31 12 ? *)", "2026-12-31 22:59", []string{"2026-12-31 23:00", "2027-12-31 23:00"}},
		{"cron(0 0 1 1 ? *)", "2026-12-31 23:59", []string{"2027-01-01 00:00", "2028-01-01 00:00"}},
		{"cron(0 0 ? * MON#5 *)", "2026-09-07 00:00", []string{"2026-11-30 00:00", "2027-03-29 00:00"}},
		{"cron(0 0 L 2 ? *)", "2027-03-01 00:00", []string{"2028-02-29 00:00", "2029-02-28 00:00"}},
		{"cron(0 0 LW * ? *)", "2026-01-01 00:00", []string{"2026-01-30 00:00", "2026-02-27 00:00", "2026-03-31 00:00"}},
		{"cron(0 0 1W * ? *)", "2026-07-02 00:00", []string{"2026-08-03 00:00", "2026-09-01 00:00"}},  // the first is a Saturday
		{"cron(0 0 31W * ? *)", "2026-05-01 00:00", []string{"2026-05-29 00:00", "2026-07-31 00:00"}}, // it is a Sunday, and June has none
		{"cron(0 0 15W 8,11 ? *)", "2026-01-01 00:00", []string{"2026-08-14 00:00", "2026-11-16 00:00"}},
		{"cron(0 0 ? * FRI-MON *)", "2026-09-07 00:00", []string{"2026-09-11 00:00", "2026-09-12 00:00", "2026-09-13 00:00", "2026-09-14 00:00"}},
		{"cron(0 0 1 nov-feb/2 ? *)", "2026-03-01 00:00", []string{"2026-11-01 00:00", "2027-01-01 00:00", "2027-11-01 00:00"}},
		{"cron(0 06,18 ? * fril *)", "2026-09-07 00:00", []string{"2026-09-25 06:00", "2026-09-25 18:00", "2026-10-30 06:00"}},
		{"cron(0 */6 * * ? *)", "2026-12-31 12:00", []string{"2026-12-31 18:00", "2027-01-01 00:00"}},
	} {
		r := parse(t, 0, c.expression, "1h")
		wantStarts(t, r, c.from, time.Hour, c.starts)
	}
}

// TestARateGoesOn holds that a window that was missed does not move those that follow.
func TestARateGoesOn(t *testing.T) {
	t.Parallel()
	r := parse(t, 0, "rate(10 hours)", "")
	from := at(t, "2026-09-07 18:14")
	w, _ := r.Next(from, at(t, "2026-09-09 00:30"))
	if want := at(t, "2026-09-09 10:00"); !w.Start.Equal(want) {
		t.Errorf("the window begins at %s, want %s", w.Start, want)
	}
	// From whenever it counts: the zero time is further away than a Duration reaches.
	if w, _ = r.Next(time.Time{}, from); !w.Start.After(from) || w.Start.Sub(from) > 10*time.Hour {
		t.Errorf("the window begins at %s", w.Start)
	}
}

func TestTimesOfOtherZones(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 9*60*60)
	from := at(t, "2026-08-30 22:08").In(zone) // the 31st, there
	for expression, want := range map[string]string{"rate(7 days)": "2026-09-06 00:00", "cron(0 23 * * ? *)": "2026-08-30 23:00", "rate(4 hours)": "2026-08-31 02:00"} {
		w, _ := parse(t, 0, expression, "").Next(from, from)
		if !w.Start.Equal(at(t, want)) || w.Start.Location() != time.UTC {
			t.Errorf("%s begins at %s, want %s", expression, w.Start, want)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expression, duration, from, at string
		start                          string // empty: no window is open
	}{
		{"rate(1 day)", "", "2026-09-06 12:00", "2026-09-06 23:59", ""},
		{"rate(1 day)", "", "2026-09-06 12:00", "2026-09-07 00:00", "2026-09-07 00:00"},
		{"rate(1 day)", "", "2026-09-06 12:00", "2026-09-09 23:59", "2026-09-09 00:00"},
		{"rate(1 day)", "3h", "2026-09-06 12:00", "2026-09-07 02:59", "2026-09-07 00:00"},
		{"rate(1 day)", "3h", "2026-09-06 12:00", "2026-09-07 03:00", ""},
		{"cron(0 8/8 * * ? *)", "2h", "2026-09-06 12:00", "2026-09-07 09:30", "2026-09-07 08:00"},
		{"cron(0 8/8 * * ? *)", "2h", "2026-09-06 12:00", "2026-09-07 17:59", "2026-09-07 16:00"},
		{"cron(0 8/8 * * ? *)", "2h", "2026-09-07 08:10", "2026-09-07 09:30", ""}, // rotated in it
		{"cron(0 8/8 * * ? *)", "2h", "2026-09-07 08:00", "2026-09-07 08:00", ""},
		{"cron(0 0 * * ? *)", "24h", "2026-09-06 12:00", "2026-09-07 23:59", "2026-09-07 00:00"},
	} {
		w, ok := parse(t, 0, c.expression, c.duration).Open(at(t, c.from), at(t, c.at))
		if ok != (c.start != "") || ok && !w.Start.Equal(at(t, c.start)) {
			t.Errorf("of %s, counted from %s, at %s is open: %v, %t", c.expression, c.from, c.at, w, ok)
		}
	}
}

func TestNoRules(t *testing.T) {
	t.Parallel()
	r := parse(t, 0, "", "")
	now := at(t, "2026-09-07 18:14")
	_, next := r.Next(now, now)
	_, open := r.Open(now, now)
	if !r.IsZero() || next || open || r.Days(now) != 0 || r.String() != "" || parse(t, 1, "", "").IsZero() {
		t.Error("rules that are none open windows, or one that is some is none")
	}
}

func TestOverdueRules(t *testing.T) {
	t.Parallel()
	from, after := time.Date(2026, time.March, 1, 9, 30, 0, 0, time.UTC), time.Date(2026, time.March, 20, 9, 30, 0, 0, time.UTC)
	for expression, want := range map[string]time.Time{
		"rate(10 days)":       time.Date(2026, time.March, 21, 0, 0, 0, 0, time.UTC),
		"rate(5 hours)":       time.Date(2026, time.March, 20, 13, 0, 0, 0, time.UTC),
		"cron(0 6 1 * ? *)":   time.Date(2026, time.April, 1, 6, 0, 0, 0, time.UTC),
		"cron(0 6 ? * SUN *)": time.Date(2026, time.March, 22, 6, 0, 0, 0, time.UTC),
	} {
		rules, err := schedule.Parse(0, expression, "2h")
		if err != nil {
			t.Fatal(err)
		}
		w, ok := rules.Overdue().Next(from, after)
		if !ok || !w.Start.Equal(want) || w.End.Sub(w.Start) != 2*time.Hour {
			t.Errorf("%s: %v, want the window of two hours from %v", expression, w, want)
		}
		if rules.Overdue().String() != expression {
			t.Errorf("%s is shown as %s", expression, rules.Overdue())
		}
	}
}
