// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxExamined is how many parameters one call looks at. A filter that fits few ends
// a page early, with a token to go on from, as AWS's do.
const maxExamined = 2000

// span is a range of the store's keys: those from start on that are below end.
type span struct{ start, end string }

// A listing is what one page is made of.
type listing struct {
	// spans are where to look: in order, and apart from each other.
	spans []span
	// above is the key that the level to list is below, with its final slash. What is
	// on deeper levels is passed over unread. Empty lists all levels.
	above string
	// after is the key that the page before ended with, or empty.
	after string
	// limit is how many parameters the page may have.
	limit int
	// match says which of the parameters are wanted.
	match func(*Parameter) bool
}

// below is the span of all keys that begin with a prefix, which ends with a slash.
func below(prefix string) span { return span{prefix, prefix[:len(prefix)-1] + "0"} } // 0 comes after /

// page returns the parameters of a page, and the key that the next page goes on after:
// empty if there is none.
func (s *service) page(r kv.Reader, call *gate.Call, l *listing) (found []*Parameter, next string, err error) {
	examined := 0
	last := ""
	for _, sp := range l.spans {
		for key := max(sp.start, after(l.after)); key < sp.end; {
			from := key
			key = sp.end // unless a deeper level is met
			for item, err := range s.heads.Scan(r, kv.Range{Start: from, End: sp.end}) {
				if err != nil {
					return nil, "", err
				}
				at := s.heads.Key(item.Segments...)
				if past := l.deeper(at); past != "" {
					key = past
				} else if !item.Value.expired(call.Time) && l.match(item.Value) {
					if len(found) == l.limit {
						return found, last, nil
					}
					found, last = append(found, item.Value), at
				}
				if examined++; examined == maxExamined {
					return found, at, nil
				}
				if key != sp.end {
					break
				}
			}
		}
	}
	return found, "", nil
}

// after is the first key that can follow key.
func after(key string) string {
	if key == "" {
		return ""
	}
	return key + "\x00"
}

// deeper returns the first key past the level that key is on, if that is below the
// level to list, and else nothing.
func (l *listing) deeper(key string) string {
	if l.above == "" {
		return ""
	}
	level, _, deeper := strings.Cut(key[len(l.above):], "/")
	if !deeper {
		return ""
	}
	return below(l.above + level + "/").end
}

// union sorts spans and joins those that overlap.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var out []span
	for _, sp := range spans {
		if n := len(out); n > 0 && sp.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, sp.end)
			continue
		}
		out = append(out, sp)
	}
	return out
}

// root is the key prefix of the account's parameters in the region.
func (s *service) root(call *gate.Call) string { return s.heads.Key(call.Account, call.Region) + "/" }

// pathPrefix is the key prefix of what is below a path.
func (s *service) pathPrefix(call *gate.Call, path string) string {
	if path = strings.Trim(path, "/"); path == "" {
		return s.root(call)
	}
	return s.root(call) + path + "/"
}
