// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The orders of a list (API Reference, ListSecrets).
const (
	byCreated  = "created-date"
	byAccessed = "last-accessed-date"
	byChanged  = "last-changed-date"
	byName     = "name"
)

const (
	// maxExamined is how many heads a page in an order that the store has is looked for
	// among. Where few pass the filters, a page is short or empty, and has a token to
	// go on from: AWS says that its pages may be, too (API Reference, BatchGetSecretValue).
	maxExamined = 10_000
	// maxNamed is how many secrets a filter by name may find for a page to be made by
	// reading them all, and not by reading the list that the order is that of.
	maxNamed = 1000
)

// query is what a list asks for. A page begins after the place of the last secret that
// the page before came to, not after so many, so that secrets which come and go
// meanwhile neither hide nor repeat others.
type query struct {
	filters    filters
	planned    bool // those that wait for their deletion, too
	order      string
	descending bool
	after      string // the place that the page before came to, or empty
	limit      int
}

// resume has the query go on where a token says.
func (q *query) resume(call *gate.Call, token *string, scope []string) error {
	if token == nil {
		return nil
	}
	after, ok := call.Cursor(*token, scope...)
	if !ok {
		return errPage
	}
	q.after = after
	return nil
}

// wants says that a secret is one of those that are asked for.
func (q *query) wants(call *gate.Call, secret *Secret) bool {
	return !secret.gone(call.Time) && (q.planned || secret.Deleted.IsZero()) && q.filters.match(secret)
}

// query returns one page, and the place that it came to if there may be more.
func (s *Service) query(r kv.Reader, call *gate.Call, q query) (page []*Secret, last string, err error) {
	switch q.order {
	case byName:
		return q.take(call, s.inNames(r, call, q))
	case byAccessed, byChanged: // which change too often for an index
	default:
		if q.filters.beginnings()[0] != "" {
			page, last, complete, err := q.sort(call, s.inNames(r, call, q), maxNamed)
			if complete || err != nil {
				return page, last, err
			}
		}
		indexed, err := indexed(r)
		if err != nil {
			return nil, "", err
		}
		if indexed {
			return q.take(call, s.inCreated(r, call, q))
		}
	}
	page, last, _, err = q.sort(call, s.inNames(r, call, q), math.MaxInt)
	return page, last, err
}

// take makes a page of secrets that come in the query's order, from its place on.
func (q *query) take(call *gate.Call, all iter.Seq2[*Secret, error]) (page []*Secret, last string, err error) {
	examined := 0
	for secret, err := range all {
		if err != nil {
			return nil, "", err
		}
		if q.wants(call, secret) {
			if len(page) == q.limit {
				return page, page[q.limit-1].place(q.order), nil
			}
			page = append(page, secret)
		}
		if examined++; examined == maxExamined {
			return page, secret.place(q.order), nil
		}
	}
	return page, "", nil
}

// placedSecret is a secret at its place in the order.
type placedSecret struct {
	place  string
	secret *Secret
}

// sort makes a page of secrets that come in any order. It keeps no more of them than a
// few pages. Beyond so many secrets as most it gives up, and the page is not complete.
func (q *query) sort(call *gate.Call, all iter.Seq2[*Secret, error], most int) (page []*Secret, last string, complete bool, err error) {
	keep := q.limit + 1
	var best []placedSecret
	examined := 0
	for secret, err := range all {
		if err != nil {
			return nil, "", false, err
		}
		if examined++; examined > most {
			return nil, "", false, nil
		}
		place := secret.place(q.order)
		if q.after != "" && q.compare(place, q.after) <= 0 || !q.wants(call, secret) {
			continue
		}
		if best = append(best, placedSecret{place, secret}); len(best) == 4*keep {
			best = q.first(best, keep)
		}
	}
	for i, b := range q.first(best, keep) {
		if i == q.limit {
			last = page[i-1].place(q.order)
			break
		}
		page = append(page, b.secret)
	}
	return page, last, true, nil
}

// first sorts all, and returns the first n.
func (q *query) first(all []placedSecret, n int) []placedSecret {
	slices.SortFunc(all, func(a, b placedSecret) int { return q.compare(a.place, b.place) })
	return slices.Delete(all, min(n, len(all)), len(all)) // which lets go of the rest
}

// compare compares places as the query goes through them.
func (q *query) compare(a, b string) int {
	if q.descending {
		a, b = b, a
	}
	return cmp.Compare(a, b)
}

// inNames yields the secrets that the filters by name let pass, in the order of their
// names, and, if the query is in that order, only from its place on.
func (s *Service) inNames(r kv.Reader, call *gate.Call, q query) iter.Seq2[*Secret, error] {
	return func(yield func(*Secret, error) bool) {
		root := s.listed.Key(call.Account, call.Region) + "/"
		beginnings := q.filters.beginnings()
		if q.descending {
			slices.Reverse(beginnings)
		}
		for _, beginning := range beginnings {
			scan := kv.Range{Prefix: root + beginning}
			if q.order == byName {
				scan = q.from(scan, root)
			}
			for item, err := range s.listed.Scan(r, scan) {
				if !yield(item.Value, err) || err != nil {
					return
				}
			}
		}
	}
}

// from restricts a range of keys to what comes after the query's place, in its
// direction. Root is what the keys have before the place.
func (q *query) from(scan kv.Range, root string) kv.Range {
	scan.Reverse = q.descending
	switch {
	case q.after == "":
	case q.descending:
		scan.End = root + q.after
	default:
		scan.Start = root + q.after + "\x00"
	}
	return scan
}
