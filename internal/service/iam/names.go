// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"iter"
	"strings"

	"github.com/coffer-secrets/coffer/internal/record"
)

// storedPath is a request's path as records have it, where none means "/".
func storedPath(path *string) string {
	if path == nil || *path == "/" {
		return ""
	}
	return *path
}

// shownPath is a record's path as answers have it.
func shownPath(path string) *string { return new(cmp.Or(path, "/")) }

// under reports whether a record's path begins as a request's PathPrefix says.
func under(path string, prefix *string) bool {
	return prefix == nil || strings.HasPrefix(cmp.Or(path, "/"), *prefix)
}

// named says how many records a scan has, and whether one of them has the name, whatever
// its case: IAM keeps the case of names, and no two that differ in it alone. The last
// segment of the records' keys is the name.
func named[T any](all iter.Seq2[record.Item[T], error], name string) (count int, taken bool, err error) {
	for item, err := range all {
		if err != nil {
			return 0, false, err
		}
		count++
		taken = taken || strings.EqualFold(item.Segments[len(item.Segments)-1], name)
	}
	return count, taken, nil
}

// deref is what a request's optional member holds, or nothing.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
