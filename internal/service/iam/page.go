// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"iter"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/record"
)

// pageSize is how many entries a page has unless MaxItems says otherwise (IAM API
// Reference, each List operation). The model bounds MaxItems.
const pageSize = 100

// asked is what a request says of the page that it wants.
type asked struct {
	marker   *string
	maxItems *int32
	// scope is what of the request stays the same from page to page, such as PathPrefix.
	scope []string
}

// page is a part of a list, with what the answer says of it.
type page[T any] struct {
	entries   []T
	truncated *bool
	marker    *string // of the next page
}

// paged returns the page that is asked for of a list. The list is in the order of the
// entries' names, which are not empty, and a page goes on behind the name at which the
// one before ended, so that none is lost or seen twice when others come and go.
func paged[T any](call *gate.Call, a asked, list iter.Seq2[T, error], name func(T) string) (page[T], error) {
	limit, after := pageSize, ""
	if a.maxItems != nil {
		limit = int(*a.maxItems)
	}
	if a.marker != nil {
		var ok bool
		if after, ok = call.Cursor(*a.marker, a.scope...); !ok {
			return page[T]{}, errMarker
		}
	}
	p := page[T]{entries: []T{}, truncated: new(false)}
	for entry, err := range list {
		switch {
		case err != nil:
			return page[T]{}, err
		case name(entry) <= after:
		case len(p.entries) == limit:
			p.truncated, p.marker = new(true), new(call.PageToken(name(p.entries[limit-1]), a.scope...))
			return p, nil
		default:
			p.entries = append(p.entries, entry)
		}
	}
	return p, nil
}

// shown makes what an answer shows of a page's entries.
func shown[T, Out any](p page[T], show func(T) Out) []Out {
	out := make([]Out, len(p.entries))
	for i, entry := range p.entries {
		out[i] = show(entry)
	}
	return out
}

// records are the values of a scan that keep says are part of a list.
func records[T any](all iter.Seq2[record.Item[T], error], keep func(*T) bool) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for item, err := range all {
			if (err != nil || keep(item.Value)) && !yield(item.Value, err) {
				return
			}
		}
	}
}

// values is a list of what is there already.
func values[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// itself is the name of an entry that is one.
func itself(name string) string { return name }
