// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import "strings"

// A Range is the keys k with Start <= k < End, and Prefix, if set, restricts
// them further to those that begin with it. An empty End means no upper bound.
type Range struct {
	Prefix  string
	Start   string // first key that is included
	End     string // first key that is not
	Reverse bool   // from the last key to the first
}

// Bounds returns the same keys as one interval: those k with start <= k < end,
// where an empty end means no upper bound. When nothing can be in the range,
// start is not below end.
func (r Range) Bounds() (start, end string) {
	start, end = max(r.Start, r.Prefix), r.End
	if after := successor(r.Prefix); after != "" && (end == "" || after < end) {
		end = after
	}
	return start, end
}

// Contains reports whether key is in the range.
func (r Range) Contains(key string) bool {
	return strings.HasPrefix(key, r.Prefix) && key >= r.Start && (r.End == "" || key < r.End)
}

// successor returns the first string above all that begin with prefix, or "" if
// there is none.
func successor(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if c := prefix[i]; c < 0xff {
			return prefix[:i] + string([]byte{c + 1})
		}
	}
	return ""
}
