// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

// shelf is a secret in a store, without a gate before it and keys under it.
type shelf struct {
	*Service
	store *memkv.Store
	now   time.Time
	made  int
}

func newShelf() *shelf {
	return &shelf{Service: newService(nil), store: memkv.New(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// stored returns the head.
func (s *shelf) stored(r kv.Reader) (*Secret, error) {
	secret, err := s.heads.Get(r, "1", "here", "db")
	if err != nil || secret != nil {
		return secret, err
	}
	return &Secret{Account: "1", Region: "here", Name: "db", UID: "uid"}, nil
}

// change runs fn on a copy of the head and saves it, in one transaction.
func (s *shelf) change(fn func(kv.Tx, *Secret) error) error {
	_, err := s.store.Update(context.Background(), func(tx kv.Tx) error {
		secret, err := s.stored(tx)
		if err != nil {
			return err
		}
		secret = secret.clone()
		if err := fn(tx, secret); err != nil {
			return err
		}
		return s.keep(tx, secret)
	})
	return err
}

// put makes a version, and returns its id: those of one instant are not in the order in
// which they come.
func (s *shelf) put(stages ...string) (string, error) {
	s.made++
	id := fmt.Sprintf("%02d/v%d", 100-s.made%100, s.made)
	return id, s.change(func(tx kv.Tx, secret *Secret) error {
		return s.enter(tx, version{secret, id}, &Value{Created: s.now, Keys: []DataKey{{}}}, stages)
	})
}

func (s *shelf) view(t rapid.TB, fn func(kv.Reader, *Secret) error) {
	t.Helper()
	if _, err := s.store.View(context.Background(), func(r kv.Reader) error {
		secret, err := s.stored(r)
		if err != nil {
			return err
		}
		return fn(r, secret)
	}); err != nil {
		t.Fatal(err)
	}
}

// shelfMachine holds a shelf against a map of all versions, labelled or not, whose
// labels move by the rules that labelMachine checks.
type shelfMachine struct {
	*shelf
	versions Versions
	ids      []string // of all that were ever made, and one that was not
}

func (m *shelfMachine) age(a, b string) int {
	return cmp.Or(m.versions[a].Created.Compare(m.versions[b].Created), cmp.Compare(kv.Key(a), kv.Key(b)))
}

func (m *shelfMachine) putSome(t *rapid.T) {
	stages := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{stageCurrent, stagePrevious, stagePending, "A", "B"}), 1, 5, rapid.ID).Draw(t, "stages")
	before := m.versions.clone()
	id, err := m.put(stages...)
	if err != nil {
		t.Fatal(err)
	}
	m.ids = append(m.ids, id)
	m.versions.add(id, Version{Created: m.now, KMSKeys: []string{""}}, stages)
	var there []string
	m.view(t, func(r kv.Reader, _ *Secret) error {
		for item, err := range m.values.All(r, "", "1", "here", "uid") {
			if err != nil {
				return err
			}
			there = append(there, item.Segments[0])
		}
		return nil
	})
	m.drop(t, before, there)
}

// drop takes what the shelf removed out of the map, and checks that this was right.
func (m *shelfMachine) drop(t *rapid.T, before Versions, there []string) {
	var removable []string // those that were deprecated already
	for id, v := range before {
		if len(v.Stages) == 0 && m.now.Sub(v.Created) >= keptFor {
			removable = append(removable, id)
		}
	}
	slices.SortFunc(removable, m.age)
	excess := max(0, min(len(m.versions)-keptVersions, maxRemoved, len(removable)))
	for _, id := range removable[:excess] {
		delete(m.versions, id)
	}
	slices.Sort(there)
	if want := slices.Sorted(maps.Keys(m.versions)); !slices.Equal(there, want) {
		t.Fatalf("of %d versions, %d of them old and without labels, these are there:\n%v\nwant\n%v", len(before)+1, len(removable), there, want)
	}
}

func (m *shelfMachine) restageSome(t *rapid.T) {
	in := &sm.UpdateSecretVersionStageInput{
		VersionStage:        new(rapid.SampledFrom([]string{stageCurrent, stagePrevious, stagePending, "A", "B"}).Draw(t, "stage")),
		MoveToVersionId:     rapid.Ptr(rapid.SampledFrom(m.ids), true).Draw(t, "to"),
		RemoveFromVersionId: rapid.Ptr(rapid.SampledFrom(m.ids), true).Draw(t, "from"),
	}
	if holder, held := m.versions.holder(*in.VersionStage); held && rapid.Bool().Draw(t, "rightly") {
		in.RemoveFromVersionId = &holder
	}
	err := m.change(func(tx kv.Tx, secret *Secret) error { return m.restage(tx, secret, in) })
	if _, answer := errors.AsType[*api.Error](err); err != nil && !answer {
		t.Fatal(err)
	}
	for _, id := range []*string{in.MoveToVersionId, in.RemoveFromVersionId} {
		if id == nil {
			continue
		}
		if _, there := m.versions[*id]; !there {
			if !sm.ResourceNotFoundException.Is(err) {
				t.Fatalf("%s is not there: %v", *id, err)
			}
			return
		}
	}
	after, want := m.versions.clone(), error(nil)
	if in.MoveToVersionId != nil {
		want = after.reattach(*in.VersionStage, *in.MoveToVersionId, in.RemoveFromVersionId)
	} else {
		want = after.detach(*in.VersionStage, in.RemoveFromVersionId)
	}
	if fmt.Sprint(err) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if want == nil {
		m.versions = after
	}
}

func (m *shelfMachine) readSome(t *rapid.T) {
	id := rapid.SampledFrom(m.ids).Draw(t, "id")
	if _, err := m.store.Update(context.Background(), func(tx kv.Tx) error {
		secret, err := m.stored(tx)
		if err != nil {
			return err
		}
		return m.noteAccess(tx, version{secret, id}, day(m.now))
	}); err != nil {
		t.Fatal(err)
	}
	if v, there := m.versions[id]; there {
		v.Accessed = day(m.now)
		m.versions[id] = v
	}
}

func (m *shelfMachine) wait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
}

func (m *shelfMachine) listSome(t *rapid.T) {
	deprecated, size := rapid.Bool().Draw(t, "deprecated"), rapid.IntRange(1, 8).Draw(t, "size")
	var want, got []string
	for id, v := range m.versions {
		if deprecated || len(v.Stages) > 0 {
			want = append(want, id)
		}
	}
	slices.SortFunc(want, m.age)
	m.view(t, func(r kv.Reader, secret *Secret) error {
		for after := ""; len(got) <= len(want); {
			found, err := m.page(r, secret, page{after, size, deprecated})
			if err != nil || len(found) == 0 {
				return err
			}
			for _, v := range found {
				got = append(got, v.id)
			}
			after = found[len(found)-1].place
		}
		return nil
	})
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("in pages of %d:\n%s", size, diff)
	}
}

// check holds the head and the index against the map.
func (m *shelfMachine) check(t *rapid.T) {
	m.view(t, func(r kv.Reader, secret *Secret) error {
		all, n := Versions{}, 0
		for id, v := range secret.Versions {
			if len(v.Stages) == 0 {
				t.Fatalf("%s has no labels and is in the head", id)
			}
			all[id] = v
		}
		for item, err := range m.deprecated.All(r, "") {
			if err != nil {
				return err
			}
			id := item.Segments[len(item.Segments)-1]
			if _, twice := all[id]; twice || len(item.Value.Stages) > 0 {
				t.Fatalf("%s with labels %v is in the index", id, item.Value.Stages)
			}
			all[id] = *item.Value
			n++
		}
		if n != secret.Deprecated {
			t.Fatalf("%d versions are in the index, and the head counts %d", n, secret.Deprecated)
		}
		if diff := gocmp.Diff(m.versions, all, exported, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("what is stored is not what was done:\n%s", diff)
		}
		return nil
	})
}

func TestVersionsMoveBetweenHeadAndIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &shelfMachine{shelf: newShelf(), versions: Versions{}, ids: []string{"nobody"}}
		defer m.store.Close()
		if rapid.Bool().Draw(t, "many") { // so that there is something to remove
			for range keptVersions + 5 {
				id, err := m.put(stageCurrent)
				if err != nil {
					t.Fatal(err)
				}
				m.ids = append(m.ids, id)
				m.versions.add(id, Version{Created: m.now, KMSKeys: []string{""}}, []string{stageCurrent})
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.putSome, "restage": m.restageSome, "read": m.readSome, "wait": m.wait, "list": m.listSome, "": m.check,
		})
	})
}

// measured counts what a transaction writes.
type measured struct {
	kv.Tx
	keys, bytes int
}

// Put implements kv.Tx.
func (m *measured) Put(key string, value []byte) error {
	m.keys++
	m.bytes += len(value)
	return m.Tx.Put(key, value)
}

// Delete implements kv.Tx.
func (m *measured) Delete(key string) error {
	m.keys++
	return m.Tx.Delete(key)
}

// A put costs the same whatever there was before: the head, the version, and the one
// that it takes the last label from; and, from the day on, what it removes.
func TestAPutWritesTheSameHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	s := newShelf()
	defer s.store.Close()
	for range 3000 {
		s.made++
		if s.made == 2900 {
			s.now = s.now.Add(keptFor)
		}
		var m measured
		if err := s.change(func(tx kv.Tx, secret *Secret) error {
			m = measured{Tx: tx}
			v := version{secret, fmt.Sprintf("token-%032d", s.made)}
			if err := s.enter(&m, v, &Value{Created: s.now, Keys: []DataKey{{}}}, []string{stageCurrent}); err != nil {
				return err
			}
			return s.keep(&m, secret)
		}); err != nil {
			t.Fatal(err)
		}
		most := 3
		if s.made >= 2900 {
			most += 2 * maxRemoved
		}
		if m.keys > most || m.bytes > 1024 {
			t.Fatalf("put %d wrote %d keys and %d bytes", s.made, m.keys, m.bytes)
		}
	}
	s.view(t, func(r kv.Reader, secret *Secret) error {
		if want := 3000 - 101*maxRemoved; secret.versions() != want || len(secret.Versions) != 2 {
			t.Errorf("%d versions are left, %d of them in the head; want %d and 2", secret.versions(), len(secret.Versions), want)
		}
		return nil
	})
}

func TestVersionsAreLimited(t *testing.T) {
	t.Parallel()
	s := newShelf()
	defer s.store.Close()
	if _, err := s.put(stageCurrent); err != nil {
		t.Fatal(err)
	}
	if err := s.change(func(_ kv.Tx, secret *Secret) error {
		secret.Deprecated = maxVersions - 2
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.put(stageCurrent); err != nil {
		t.Errorf("the last that there may be: %v", err)
	}
	if _, err := s.put(stageCurrent); !sm.LimitExceededException.Is(err) {
		t.Errorf("one too many: %v", err)
	}
}
