// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

// numbered yields secrets of those numbers, by which they are named and dated.
func numbered(numbers iter.Seq[int]) iter.Seq2[*Secret, error] {
	return func(yield func(*Secret, error) bool) {
		for n := range numbers {
			if !yield(&Secret{Name: fmt.Sprintf("s%06d", n), Changed: time.Unix(int64(n), 0)}, nil) {
				return
			}
		}
	}
}

func below(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// A page that few secrets are wanted on ends early, with a place to go on from.
func TestAPageExaminesOnlySoMany(t *testing.T) {
	t.Parallel()
	only := fmt.Sprintf("s%06d", maxExamined)
	q := query{order: byName, limit: 5, filters: filters{{key: filterName, wanted: []string{only}}}}
	page, last, err := q.take(&gate.Call{}, numbered(below(3*maxExamined)))
	if want := fmt.Sprintf("s%06d", maxExamined-1); err != nil || len(page) != 0 || last != want {
		t.Errorf("got %d secrets and place %s, %v; want none and %s", len(page), last, err, want)
	}
	page, last, err = q.take(&gate.Call{}, numbered(func(yield func(int) bool) { _ = yield(maxExamined) && yield(maxExamined+1) }))
	if err != nil || len(page) != 1 || page[0].Name != only || last != "" {
		t.Errorf("the page after it has %v, and goes on after %q; %v", page, last, err)
	}
}

// Pages of secrets that come in any order are those of all of them sorted.
func TestSortedPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.Permutation(slices.Collect(below(rapid.IntRange(0, 60).Draw(t, "secrets")))).Draw(t, "order")
		q := query{order: byChanged, limit: rapid.IntRange(1, 7).Draw(t, "limit"), descending: rapid.Bool().Draw(t, "descending")}
		var got []string
		for {
			page, last, complete, err := q.sort(&gate.Call{}, numbered(slices.Values(all)), math.MaxInt)
			if err != nil || !complete || len(page) > q.limit {
				t.Fatalf("%d secrets, complete %t, %v", len(page), complete, err)
			}
			for _, s := range page {
				got = append(got, s.Name)
			}
			if last == "" {
				break
			}
			q.after = last
		}
		var want []string
		for s := range numbered(below(len(all))) {
			want = append(want, s.Name)
		}
		if q.descending {
			slices.Reverse(want)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}

// A filter by name finds the same however many secrets it finds: those that are more
// than are sorted come by the index.
func TestNamesThatManySecretsHave(t *testing.T) {
	t.Parallel()
	store, s := memkv.New(), newService(nil)
	t.Cleanup(func() { _ = store.Close() })
	const many = maxNamed + 500
	call := &gate.Call{Account: "123456789012", Region: "eu-west-1"}
	var want []string
	for n := range many {
		if _, err := store.Update(t.Context(), func(tx kv.Tx) error {
			if n == 0 {
				if err := tx.Put(indexedKey, nil); err != nil {
					return err
				}
			}
			name := fmt.Sprintf("app/%04d", (n*7)%many)
			want = append(want, name)
			other := &Secret{Account: call.Account, Region: call.Region, Name: fmt.Sprint("other", n), Created: time.Unix(int64(n), 0)}
			return errors.Join(s.keep(tx, other), s.keep(tx, &Secret{Account: call.Account, Region: call.Region, Name: name, Created: time.Unix(int64(n), 0)}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	q := query{order: byCreated, limit: 100, filters: filters{{key: filterName, wanted: []string{"app/"}}}}
	var got []string
	for done := false; !done; {
		if _, err := store.View(t.Context(), func(r kv.Reader) error {
			page, last, err := s.query(r, call, q)
			for _, secret := range page {
				got = append(got, secret.Name)
			}
			q.after, done = last, last == ""
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d secrets, want %d in the order in which they were made", len(got), len(want))
	}
}

func TestSortGivesUpBeyondTheMost(t *testing.T) {
	t.Parallel()
	q := query{order: byChanged, limit: 5}
	if page, last, complete, err := q.sort(&gate.Call{}, numbered(below(11)), 10); complete || page != nil || last != "" || err != nil {
		t.Errorf("got %v, %q, complete %t, %v", page, last, complete, err)
	}
	if page, _, complete, err := q.sort(&gate.Call{}, numbered(below(10)), 10); !complete || len(page) != 5 || err != nil {
		t.Errorf("got %v, complete %t, %v", page, complete, err)
	}
}

func TestErrorsOfTheStoreEndAPage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	all := func(yield func(*Secret, error) bool) { yield(nil, broken) }
	q := query{order: byName, limit: 5}
	if _, _, err := q.take(&gate.Call{}, all); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, _, _, err := q.sort(&gate.Call{}, all, 10); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestBeginningsAreApart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		filters filters
		want    []string
	}{
		{nil, []string{""}},
		{filters{{key: filterAll, wanted: []string{"a"}}}, []string{""}},
		{filters{{key: filterName, unwanted: []string{"a"}}}, []string{""}},
		{filters{{key: filterName, wanted: []string{"b", "a/b", "a", "b/c", "c"}}}, []string{"a", "b", "c"}},
		{filters{{key: filterName, wanted: []string{"b", ""}}}, []string{""}},
		{filters{{key: filterName, wanted: []string{"a0", "a/"}}}, []string{"a0", "a:"}}, // in the order of keys
	} {
		if got := test.filters.beginnings(); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %q, want %q", test.filters, got, test.want)
		}
	}
}
