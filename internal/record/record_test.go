// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/record"
)

type thing struct {
	Name  string
	Count int `json:",omitzero"`
}

func newStore(t testing.TB) *memkv.Store {
	t.Helper()
	s := memkv.New()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func update(t testing.TB, s kv.Store, fn func(kv.Tx) error) {
	t.Helper()
	if _, err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s kv.Store, fn func(kv.Reader) error) {
	t.Helper()
	if _, err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s kv.Store, table *record.Table[thing], segments ...string) (v *thing) {
	t.Helper()
	view(t, s, func(r kv.Reader) (err error) {
		v, err = table.Get(r, segments...)
		return err
	})
	return v
}

func TestPutGetDelete(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]*record.Table[thing]{
		"plain": record.New[thing]("t/thing"), "memoised": record.Memoised[thing]("t/thing", 8),
	} {
		s := newStore(t)
		if got := read(t, s, table, "a", "b/c"); got != nil {
			t.Errorf("%s: got %+v of an empty store", name, got)
		}
		update(t, s, func(tx kv.Tx) error { return table.Put(tx, &thing{"x", 1}, "a", "b/c") })
		if got := read(t, s, table, "a", "b/c"); got == nil || *got != (thing{"x", 1}) {
			t.Errorf("%s: got %+v", name, got)
		}
		if got := read(t, s, table, "a", "b"); got != nil {
			t.Errorf("%s: got %+v of another key", name, got)
		}
		view(t, s, func(r kv.Reader) error {
			data, err := r.Get("t/thing/a/b%2Fc")
			if string(data) != `{"Name":"x","Count":1}` {
				t.Errorf("%s: stored as %q", name, data)
			}
			return err
		})
		update(t, s, func(tx kv.Tx) error { return table.Delete(tx, "a", "b/c") })
		if got := read(t, s, table, "a", "b/c"); got != nil {
			t.Errorf("%s: got %+v after it was deleted", name, got)
		}
	}
}

// TestMemoIsNeverStale changes records behind the table's back, in every way that a
// transaction can end.
func TestMemoIsNeverStale(t *testing.T) {
	t.Parallel()
	s, table := newStore(t), record.Memoised[thing]("t", 8)
	other := record.New[thing]("t")
	put := func(v *thing) { update(t, s, func(tx kv.Tx) error { return other.Put(tx, v, "a") }) }
	put(&thing{"first", 1})
	first := read(t, s, table, "a")
	if again := read(t, s, table, "a"); again != first {
		t.Error("an unchanged record was decoded twice")
	}
	put(&thing{"second", 2})
	if got := read(t, s, table, "a"); got.Name != "second" || first.Name != "first" {
		t.Errorf("after a change: %+v, and what was read before is %+v", got, first)
	}
	errBack := errors.New("rolled back")
	if _, err := s.Update(context.Background(), func(tx kv.Tx) error {
		if err := table.Put(tx, &thing{"third", 3}, "a"); err != nil {
			return err
		}
		if got, err := table.Get(tx, "a"); err != nil || got.Name != "third" {
			t.Errorf("within the transaction: %+v, %v", got, err)
		}
		return errBack
	}); !errors.Is(err, errBack) {
		t.Fatal(err)
	}
	if got := read(t, s, table, "a"); got.Name != "second" {
		t.Errorf("after a rollback: %+v", got)
	}
	update(t, s, func(tx kv.Tx) error { return other.Delete(tx, "a") })
	if got := read(t, s, table, "a"); got != nil {
		t.Errorf("after a deletion: %+v", got)
	}
	put(&thing{"first", 1})
	if got := read(t, s, table, "a"); got.Name != "first" {
		t.Errorf("after it came back: %+v", got)
	}
}

// TestSnapshotsKeepTheirOwn reads two states of one record in turns: each reader sees
// its own, whatever the other left in the memo.
func TestSnapshotsKeepTheirOwn(t *testing.T) {
	t.Parallel()
	s, table := newStore(t), record.Memoised[thing]("t", 8)
	update(t, s, func(tx kv.Tx) error { return table.Put(tx, &thing{"old", 1}, "a") })
	view(t, s, func(old kv.Reader) error {
		update(t, s, func(tx kv.Tx) error { return table.Put(tx, &thing{"new", 2}, "a") })
		for range 3 {
			if got := read(t, s, table, "a"); got.Name != "new" {
				t.Errorf("a new snapshot has %+v", got)
			}
			if got, err := table.Get(old, "a"); err != nil || got.Name != "old" {
				t.Errorf("the old snapshot has %+v, %v", got, err)
			}
		}
		return nil
	})
}

// TestMemoLimit reads far more records than the memo has room for.
func TestMemoLimit(t *testing.T) {
	t.Parallel()
	const limit, n = 4, 64
	s, table := newStore(t), record.Memoised[thing]("t", limit)
	update(t, s, func(tx kv.Tx) error {
		for i := range n {
			if err := table.Put(tx, &thing{Count: i}, fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range n {
				if got := read(t, s, table, fmt.Sprint(i)); got == nil || got.Count != i {
					t.Errorf("record %d is %+v", i, got)
				}
			}
		})
	}
	wg.Wait()
	kept := 0
	for i := n / 2; i < n; i++ { // what is dropped is drawn: many reads drop any one but by rare chance
		before := read(t, s, table, fmt.Sprint(i))
		for j := range i {
			read(t, s, table, fmt.Sprint(j))
		}
		if read(t, s, table, fmt.Sprint(i)) == before {
			kept++
		}
	}
	if kept > limit {
		t.Errorf("%d records survived more reads than the memo may hold", kept)
	}
}

// TestMemoLimitOfLargeRecords holds that large records count for several.
func TestMemoLimitOfLargeRecords(t *testing.T) {
	t.Parallel()
	const limit, n = 8, 16
	for size, most := range map[int]int{100: limit, 4000: 2, 100_000: 1} {
		s, table := newStore(t), record.Memoised[thing]("t", limit)
		update(t, s, func(tx kv.Tx) error {
			for i := range n {
				if err := table.Put(tx, &thing{Name: strings.Repeat("x", size)}, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		})
		var first []*thing
		for i := range n {
			first = append(first, read(t, s, table, fmt.Sprint(i)))
		}
		kept := 0
		for i := n - 1; i >= 0; i-- { // what is not kept pushes others out, so the last come first
			if read(t, s, table, fmt.Sprint(i)) == first[i] {
				kept++
			}
		}
		again := read(t, s, table, "0")
		if kept > most || read(t, s, table, "0") != again {
			t.Errorf("%d of %d records of %d bytes were kept, want at most %d and the last one", kept, n, size, most)
		}
	}
}

// TestUndecodable holds that a record which can't be read says which, and not what is
// in it.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, data := range map[string]string{
		"text": `hidden`, "type": `{"Name":{"hidden":1}}`, "number": `{"Count":"hidden"}`, "twice": `{"Name":"hidden","Name":"hidden"}`,
		"cut": `{"Name":"hidden`, "empty": ``, "utf8": "{\"Name\":\"hidden\xff\"}",
	} {
		update(t, s, func(tx kv.Tx) error { return tx.Put("t/"+name, []byte(data)) })
		for kind, table := range map[string]*record.Table[thing]{"plain": record.New[thing]("t"), "memoised": record.Memoised[thing]("t", 8)} {
			_, err := s.View(context.Background(), func(r kv.Reader) error {
				v, err := table.Get(r, name)
				if v != nil {
					t.Errorf("%s, %s: got %+v", name, kind, v)
				}
				return err
			})
			if err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "t/"+name) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
	update(t, s, func(tx kv.Tx) error { return tx.Put("u/a", []byte(`{"Name":"x","FromTheFuture":[1,2]}`)) })
	if got := read(t, s, record.New[thing]("u"), "a"); got == nil || got.Name != "x" {
		t.Errorf("a record of a newer version is %+v", got)
	}
}

// TestAll pages through names of which some begin like others, or have separators.
func TestAll(t *testing.T) {
	t.Parallel()
	s, table := newStore(t), record.New[thing]("t")
	names := []string{"a", "a!", "a-b", "a.b", "a/b", "a/b/c", "a%", "a%2Fb", "ab", "abc", "a b", "a\x01", "é", "z"}
	update(t, s, func(tx kv.Tx) error {
		for _, name := range names {
			if err := errors.Join(table.Put(tx, &thing{Name: name}, "here", name), table.Put(tx, &thing{Name: "stray"}, "hereafter", name)); err != nil {
				return err
			}
		}
		return tx.Put("t2/x", []byte("not of this table"))
	})
	whole := page(t, s, table, "", 1000)
	if sorted := slices.SortedFunc(slices.Values(names), func(a, b string) int { return strings.Compare(kv.Key(a), kv.Key(b)) }); !slices.Equal(whole, sorted) {
		t.Errorf("in one go: %q\nwant       %q", whole, sorted)
	}
	for size := 1; size < len(names); size++ {
		var paged []string
		for after := ""; ; after = paged[len(paged)-1] {
			next := page(t, s, table, after, size)
			if len(next) == 0 {
				break
			}
			paged = append(paged, next...)
		}
		if !slices.Equal(paged, whole) {
			t.Errorf("in pages of %d: %q", size, paged)
		}
	}
	n := 0
	view(t, s, func(r kv.Reader) error {
		for item, err := range table.All(r, "") {
			if err != nil || len(item.Segments) != 2 {
				t.Errorf("got %+v, %v", item, err)
			}
			n++
		}
		return nil
	})
	if n != 2*len(names) {
		t.Errorf("%d records in the whole table", n)
	}
}

func page(t testing.TB, s kv.Store, table *record.Table[thing], after string, size int) (names []string) {
	view(t, s, func(r kv.Reader) error {
		for item, err := range table.All(r, after, "here") {
			if err != nil {
				return err
			}
			if len(item.Segments) != 1 || item.Segments[0] != item.Value.Name {
				t.Errorf("%q has the segments %q", item.Value.Name, item.Segments)
			}
			if names = append(names, item.Value.Name); len(names) == size {
				break
			}
		}
		return nil
	})
	return names
}

// TestPagesOfAnyNames is TestAll for names that nobody thought of.
func TestPagesOfAnyNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s, table := memkv.New(), record.New[thing]("t")
		defer s.Close()
		names := rapid.SliceOfNDistinct(rapid.StringOfN(rapid.RuneFrom([]rune("ab!/%\x00\x1f-~\u00e9")), 1, 4, -1), 1, 12, rapid.ID).Draw(rt, "names")
		update(t, s, func(tx kv.Tx) error {
			for _, name := range names {
				if err := table.Put(tx, &thing{Name: name}, "here", name); err != nil {
					return err
				}
			}
			return nil
		})
		after := rapid.SampledFrom(names).Draw(rt, "after")
		whole, rest := page(t, s, table, "", 1000), page(t, s, table, after, 1000)
		if want := whole[slices.Index(whole, after)+1:]; !slices.Equal(rest, want) || len(whole) != len(names) {
			rt.Fatalf("after %q: %q, want %q", after, rest, want)
		}
	})
}

// TestScanEndsAtDamage holds that a scan tells a record that it can't read, and ends.
func TestScanEndsAtDamage(t *testing.T) {
	t.Parallel()
	s, table := newStore(t), record.New[thing]("t")
	update(t, s, func(tx kv.Tx) error {
		return errors.Join(table.Put(tx, &thing{}, "a"), tx.Put("t/b", []byte("hidden")), table.Put(tx, &thing{}, "c"))
	})
	var seen []string
	view(t, s, func(r kv.Reader) error {
		for item, err := range table.All(r, "") {
			seen = append(seen, fmt.Sprint(item.Segments, err != nil))
		}
		return nil
	})
	if want := []string{"[a] false", "[b] true"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q", seen)
	}
	broken := errors.New("broken disk")
	seen = nil
	for item, err := range table.All(brokenReader{broken}, "") {
		if !errors.Is(err, broken) || item.Value != nil {
			t.Errorf("got %+v, %v", item, err)
		}
		seen = append(seen, "x")
	}
	if len(seen) != 1 {
		t.Errorf("%d items of a broken reader", len(seen))
	}
	if _, err := table.Get(brokenReader{broken}, "a"); !errors.Is(err, broken) {
		t.Errorf("Get: %v", err)
	}
}

type brokenReader struct{ err error }

// Get implements kv.Reader.
func (b brokenReader) Get(string) ([]byte, error) { return nil, b.err }

// Scan implements kv.Reader.
func (b brokenReader) Scan(kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) { yield(kv.Pair{}, b.err) }
}
