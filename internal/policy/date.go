// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// instant is a moment as conditions compare it.
type instant struct {
	seconds int64 // since 1970
	nanos   int
}

func (i instant) compare(j instant) int {
	return cmp.Or(cmp.Compare(i.seconds, j.seconds), cmp.Compare(i.nanos, j.nanos))
}

// dateLayouts are the forms of ISO 8601 that the W3C's note on dates has, and those
// that IAM takes besides: a time without a zone is in UTC.
var dateLayouts = [...]string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02", "2006-01",
}

// parseDate reads a date, or seconds since 1970. A number alone is seconds, never a
// year.
func parseDate(s string) (instant, bool) {
	if !strings.ContainsAny(s, "-Tt") {
		n, err := strconv.ParseInt(s, 10, 64)
		return instant{seconds: n}, err == nil && s[0] != '+'
	}
	s = strings.ToUpper(s)
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return instant{t.Unix(), t.Nanosecond()}, true
		}
	}
	return instant{}, false
}
