// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package schedule tells when a secret is to be rotated, by Secrets Manager's rules.
//
// A secret's rules open windows: spans of time, by UTC, in each of which the secret is
// rotated once, at any moment of it. Rules say when windows begin in one of three forms:
//
//   - AutomaticallyAfterDays, or rate(N days): the window begins at midnight, N days after
//     the day of the last rotation, and by default lasts for that day;
//   - rate(N hours): it begins N hours after the hour of the last rotation, and by default
//     lasts for an hour;
//   - cron(Minutes Hours Day-of-month Month Day-of-week Year): it begins at each hour that
//     the fields name, whenever the last rotation was. By default it lasts for the rest of
//     the day where the fields name one hour, and for an hour where they name several.
//
// Windows always begin on the hour. A Duration makes them longer or shorter, but never so
// long that one would run into the next, or that one of a schedule in days would run into
// the next day.
//
// Sources: Secrets Manager User Guide, "Rotation schedules"; API Reference,
// RotationRulesType and DescribeSecret; for what those leave out of cron, Amazon
// EventBridge User Guide, "Cron expressions reference". The messages of errors are those
// that AWS was seen to answer.
package schedule

import (
	"strconv"
	"strings"
	"time"
)

// Limits of rules; the User Guide, "Rotation schedules", and RotationRulesType.
const (
	// MaxDays is the most that AutomaticallyAfterDays may be.
	MaxDays = 1000
	// MaxRateDays is the most days of a rate expression.
	MaxRateDays = 999
	// MinHours is the fewest hours between two windows.
	MinHours = 4
	// MaxRateHours is the most hours of a rate expression.
	MaxRateHours = 23
	// MaxDuration is the longest window, and a whole day.
	MaxDuration = 24 * time.Hour
	// MaxExpression is the longest schedule expression, in bytes.
	MaxExpression = 256
)

const day = 24 * time.Hour

// Error is what is wrong with rules. Secrets Manager answers it as an
// InvalidParameterException with this message.
type Error struct{ Message string }

// Error implements error.
func (e *Error) Error() string { return e.Message }

// The errors of Parse.
var (
	errBoth       = &Error{"You cannot specify both rotation frequency and schedule expression together."}
	errExpression = &Error{"Invalid schedule expression."}
	errHours      = &Error{"Rate in hour should be least 4 and less than 24."}
	errDays       = &Error{"Rate in day should be greater than 0 and less than 1000."}
	errDuration   = &Error{"Duration must be at least 1 hour, at most 24 hour."}
	errRate       = &Error{"Duration cannot be greater than Rate in hour."}
	errMidnight   = &Error{"Starting hour and duration must be within a day."}
	errNoSchedule = &Error{"You must specify a rotation frequency or a schedule expression with a duration."}
	errFrequency  = &Error{"Rotation frequency must be at least 1 day, at most 1000 days."}
)

// Rules are a secret's rotation rules. The zero value is that of a secret without any,
// and opens no window. Rules are immutable.
type Rules struct {
	expression string
	every      time.Duration // of a rate, whole days or fewer hours; zero for cron
	cron       *cron         // nil for a rate
	length     time.Duration // of a window; never zero where there is a schedule
}

// Parse reads rules as RotateSecret takes them: the days of AutomaticallyAfterDays, zero
// for none; a ScheduleExpression and a Duration, empty for none. Days and an expression
// exclude each other, and a Duration needs one of them. If none is given the Rules are
// zero. An error is an *Error.
//
// Names of months and days are taken in either case, and fields apart by any number of
// spaces. What can never come, such as 30 February, is an invalid expression; 29 February
// is valid, though years lie between two of them.
func Parse(days int64, expression, duration string) (Rules, error) {
	switch {
	case days != 0 && expression != "":
		return Rules{}, errBoth
	case days < 0 || days > MaxDays:
		return Rules{}, errFrequency
	case days != 0:
		return withDuration(Rules{expression: rateOfDays(days), every: time.Duration(days) * day}, duration)
	case expression == "" && duration != "":
		return Rules{}, errNoSchedule
	case expression == "":
		return Rules{}, nil
	case len(expression) > MaxExpression:
		return Rules{}, errExpression
	}
	r := Rules{expression: expression}
	var err error
	if fields, ok := inside(expression, "rate("); ok {
		r.every, err = parseRate(fields)
	} else if fields, ok := inside(expression, "cron("); ok {
		r.cron, err = parseCron(fields)
	} else {
		err = errExpression
	}
	if err != nil {
		return Rules{}, err
	}
	return withDuration(r, duration)
}

// IsZero reports whether there is no schedule.
func (r Rules) IsZero() bool { return r.expression == "" }

// String returns the expression as it was given, and AutomaticallyAfterDays as a rate.
func (r Rules) String() string { return r.expression }

func rateOfDays(n int64) string {
	if n == 1 {
		return "rate(1 day)"
	}
	return "rate(" + strconv.FormatInt(n, 10) + " days)"
}

// inside returns the fields between prefix and a closing bracket.
func inside(expression, prefix string) ([]string, bool) {
	rest, ok := strings.CutPrefix(expression, prefix)
	rest, closed := strings.CutSuffix(rest, ")")
	return strings.Fields(rest), ok && closed
}

func parseRate(fields []string) (time.Duration, error) {
	if len(fields) != 2 {
		return 0, errExpression
	}
	n, ok := number(fields[0])
	if !ok {
		return 0, errExpression
	}
	switch fields[1] {
	case "hour", "hours":
		if n < MinHours || n > MaxRateHours {
			return 0, errHours
		}
		return time.Duration(n) * time.Hour, nil
	case "day", "days":
		if n < 1 || n > MaxRateDays {
			return 0, errDays
		}
		return time.Duration(n) * day, nil
	}
	return 0, errExpression
}

// withDuration returns r with windows of that length, or of the default's.
func withDuration(r Rules, duration string) (Rules, error) {
	if duration == "" {
		r.length = r.defaultLength()
		return r, nil
	}
	hours, ok := strings.CutSuffix(duration, "h")
	n, isNumber := number(hours)
	if !ok || !isNumber || n < 1 || time.Duration(n)*time.Hour > MaxDuration {
		return Rules{}, errDuration
	}
	r.length = time.Duration(n) * time.Hour
	switch {
	case r.cron == nil && r.length > r.every,
		r.cron != nil && r.length > r.cron.apart():
		return Rules{}, errRate
	case r.cron != nil && r.cron.lastHour()+n > 24:
		return Rules{}, errMidnight
	}
	return r, nil
}

func (r Rules) defaultLength() time.Duration {
	switch {
	case r.cron == nil && r.every >= day:
		return day
	case r.cron != nil && r.cron.hours.one():
		return day - time.Duration(r.cron.lastHour())*time.Hour
	}
	return time.Hour
}

// maxDigits bounds the digits of a number: no number of an expression has more than four.
const maxDigits = 4

// number reads a decimal number without a sign.
func number(s string) (int, bool) {
	if len(s) > maxDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil
}
