// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
)

// Where the store has what lists are made by.
const (
	tableCreated = "sm/created/"
	indexedKey   = "sm/indexed/created"
)

// heads returns all heads in the store, in the order of their keys.
func (w *world) heads() (all []*smservice.Secret) {
	w.t.Helper()
	if _, err := w.Store.View(w.ctx, func(r kv.Reader) error {
		all = nil
		for item, err := range record.New[smservice.Secret]("sm/secret").All(r, "") {
			if err != nil {
				return err
			}
			all = append(all, item.Value)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// keyed is a name as it is in keys.
func keyed(name string) string { return strings.ReplaceAll(name, "/", ":") }

// indexDiff says how the index is not that of the heads: each once, and nothing else.
func (w *world) indexDiff() string {
	w.t.Helper()
	want := []string{}
	for _, s := range w.heads() {
		want = append(want, fmt.Sprintf("%s%s/%s/%s/%s", tableCreated, s.Account, s.Region, s.Created.Format("2006-01-02T15:04:05.000000000Z"), keyed(s.Name)))
	}
	slices.Sort(want)
	return gocmp.Diff(want, append([]string{}, w.Keys(tableCreated)...))
}

// forgetIndex leaves the store as a Coffer without the index would.
func (w *world) forgetIndex() {
	w.t.Helper()
	keys := append(w.Keys(tableCreated), indexedKey)
	for some := range slices.Chunk(keys, kv.MaxOps) {
		if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error {
			for _, key := range some {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) prepare() {
	w.t.Helper()
	if err := smservice.Prepare(w.ctx, w.Store, w.Clock.Now()); err != nil {
		w.t.Fatal(err)
	}
}

// listed is what ListSecrets should answer, by the heads alone.
func (w *world) listed(in secretsmanager.ListSecretsInput, beginnings ...string) []string {
	place := func(s *smservice.Secret) string {
		at := s.Created
		switch in.SortBy {
		case types.SortByTypeName:
			return keyed(s.Name)
		case types.SortByTypeLastAccessedDate:
			at = s.Accessed
		case types.SortByTypeLastChangedDate:
			at = s.Changed
		}
		return at.UTC().Format("2006-01-02T15:04:05.000000000") + keyed(s.Name)
	}
	all := w.heads()
	slices.SortFunc(all, func(a, b *smservice.Secret) int { return cmp.Compare(place(a), place(b)) })
	if in.SortOrder == types.SortOrderTypeDesc {
		slices.Reverse(all)
	}
	names := []string{}
	for _, s := range all {
		begins := func(b string) bool { return strings.HasPrefix(s.Name, b) }
		gone := !s.DeletionDate.IsZero() && !w.Clock.Now().Before(s.DeletionDate)
		shown := s.Deleted.IsZero() || in.IncludePlannedDeletion != nil
		if !gone && shown && (len(beginnings) == 0 || slices.ContainsFunc(beginnings, begins)) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Whatever is done, the index has what the heads are, and lists in every order, of any
// size and with any filter by name are what the heads say, with the index or without.
func TestIndexAndListsAreThoseOfTheHeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := rapid.SampledFrom([]string{"a", "a/b", "a-b", "a0", "ab", "b/a", "b/b", "c"})
	rapid.Check(t, func(t *rapid.T) {
		for _, name := range []string{"a", "a/b", "a-b", "a0", "ab", "b/a", "b/b", "c"} {
			_ = w.tryDelete(name, nil, true)
		}
		w.Settle()
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				_, _ = w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new(names.Draw(t, "name")), SecretString: new(canary)})
			},
			"put": func(t *rapid.T) {
				_, _ = w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new(names.Draw(t, "name")), SecretString: new(canary)})
			},
			"read": func(t *rapid.T) { // which may be noted some time later
				_, _ = w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new(names.Draw(t, "name"))})
			},
			"delete": func(t *rapid.T) { _ = w.tryDelete(names.Draw(t, "name"), new(int64(7)), false) },
			"force":  func(t *rapid.T) { _ = w.tryDelete(names.Draw(t, "name"), nil, true) },
			"restore": func(t *rapid.T) {
				_, _ = w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new(names.Draw(t, "name"))})
			},
			"wait": func(t *rapid.T) {
				w.Clock.Advance(time.Duration(rapid.Int64Range(0, int64(8*dayLong)).Draw(t, "time")))
			},
			"settle": func(*rapid.T) { w.Settle() },
			"list": func(t *rapid.T) {
				in := secretsmanager.ListSecretsInput{
					SortBy:     rapid.SampledFrom(append(types.SortByTypeName.Values(), "")).Draw(t, "order"),
					SortOrder:  rapid.SampledFrom(append(types.SortOrderTypeAsc.Values(), "")).Draw(t, "direction"),
					MaxResults: rapid.Ptr(rapid.Int32Range(1, 5), true).Draw(t, "size"),
				}
				if rapid.Bool().Draw(t, "planned") {
					in.IncludePlannedDeletion = new(true)
				}
				beginnings := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "a", "a/", "a0", "b", "b/a", "x"}), 0, 3, rapid.ID).Draw(t, "beginnings")
				if len(beginnings) > 0 {
					in.Filters = filter("name", beginnings...)
				}
				w.Restart() // which waits for what reads left to be noted
				if diff := gocmp.Diff(w.listed(in, beginnings...), w.names(in)); diff != "" {
					t.Fatalf("the list is not that of the heads (-want +got):\n%s", diff)
				}
			},
			"": func(t *rapid.T) {
				if diff := w.indexDiff(); diff != "" {
					t.Fatalf("the index is not that of the heads (-want +got):\n%s", diff)
				}
			},
		})
	})
}

// A store of a Coffer without the index is listed without it, until a job has made it.
func TestAnOlderStoreIsIndexedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const several = 2*kv.MaxOps + 5 // transactions
	for i := range several {
		w.described(fmt.Sprintf("s%03d", several-i), "")
	}
	w.forgetIndex()
	everything := secretsmanager.ListSecretsInput{}
	if diff := gocmp.Diff(w.listed(everything), w.names(everything)); diff != "" {
		t.Errorf("without the index:\n%s", diff)
	}
	w.prepare()
	w.prepare() // as two starts before the job is done
	w.described("late", "")
	if err := w.tryDelete("s007", nil, true); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(w.listed(everything), w.names(everything)); diff != "" {
		t.Errorf("before the job is done:\n%s", diff)
	}
	w.Settle()
	if diff := w.indexDiff(); diff != "" || len(w.Keys(indexedKey)) != 1 {
		t.Errorf("after it:\n%s", diff)
	}
	if diff := gocmp.Diff(w.listed(everything), w.names(everything)); diff != "" {
		t.Errorf("by the index:\n%s", diff)
	}
	w.prepare()
	if jobs := w.waiting(); len(jobs) != 0 {
		t.Errorf("it is to be indexed again: %v", jobs)
	}
}

// A new store has nothing to index.
func TestANewStoreIsIndexed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if jobs := w.waiting(); len(jobs) != 0 || len(w.Keys(indexedKey)) != 1 {
		t.Errorf("jobs %v, index %v", jobs, w.Keys(indexedKey))
	}
}
