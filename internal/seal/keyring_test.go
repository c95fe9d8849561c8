// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

// keyIDs returns how many records of the engine each data key has sealed.
func keyIDs(tb testing.TB, engine kv.Store) map[uint32]int {
	tb.Helper()
	ids := make(map[uint32]int)
	for key, record := range raw(tb, engine) {
		if key != seal.KeyringKey {
			ids[binary.BigEndian.Uint32([]byte(record[1:]))]++
		}
	}
	return ids
}

func TestRotateThenReseal(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	s := mustOpen(t, engine, root)
	const n = 3*kv.MaxOps + 7
	for i := range n {
		mustPut(t, s, fmt.Sprintf("k%04d", i), strconv.Itoa(i))
	}
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "new", "v")
	if diff := cmp.Diff(map[uint32]int{1: n, 2: 1}, keyIDs(t, engine)); diff != "" {
		t.Fatal(diff)
	}
	before := raw(t, s)
	s = mustOpen(t, engine, root)
	if diff := cmp.Diff(before, raw(t, s)); diff != "" {
		t.Fatal(diff)
	}

	var last seal.Progress
	steps := 0
	if err := s.Reseal(t.Context(), func(p seal.Progress) { last, steps = p, steps+1 }); err != nil {
		t.Fatal(err)
	}
	if want := (seal.Progress{Looked: n + 2, Resealed: n}); last != want || steps != 4 {
		t.Errorf("progress is %+v after %d steps, want %+v", last, steps, want)
	}
	if diff := cmp.Diff(map[uint32]int{2: n + 1}, keyIDs(t, engine)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, raw(t, mustOpen(t, engine, root))); diff != "" {
		t.Error(diff)
	}
	keys := s.Keys()
	if len(keys) != 1 || keys[0].ID != 2 || !keys[0].Newest || !keys[0].Created.Equal(epoch) {
		t.Errorf("keys are %+v", keys)
	}
}

func TestResealLooksAtMoreThanOneSnapshotHolds(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	mustPut(t, s, "a", "1")
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < seal.LookRoom+1; i += kv.MaxOps {
		_, err := s.Update(t.Context(), func(tx kv.Tx) error {
			for j := range kv.MaxOps {
				if err := tx.Put(fmt.Sprintf("k%06d", i+j), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Reseal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustGet(t, s, "a", "1")
	if ids := keyIDs(t, engine); ids[1] != 0 || ids[2] < seal.LookRoom+1 {
		t.Errorf("records are under keys %v", ids)
	}
}

// Large records go one by one: a transaction has as many bytes as one record may.
func TestResealBoundsBytes(t *testing.T) {
	t.Parallel()
	engine := &faulty{Store: memkv.New()}
	s := mustOpen(t, engine, newRoot(t))
	for i := range 5 {
		mustPut(t, s, strconv.Itoa(i), strings.Repeat("v", kv.MaxValue/2-seal.Overhead))
	}
	mustPut(t, s, "whole", strings.Repeat("v", kv.MaxValue))
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine.largest = 0
	if err := s.Reseal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if engine.largest > kv.MaxValue+kv.Headroom {
		t.Errorf("a transaction wrote %d bytes", engine.largest)
	}
}

func TestResealKeepsKeysOfDamagedRecords(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	mustPut(t, s, "a", "1")
	mustPut(t, s, "b", "2")
	mustPut(t, s, "c", "3")
	whole := raw(t, engine)["b"]
	mustPut(t, engine, "b", whole[:len(whole)-1])
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.Reseal(t.Context(), nil)
	if !errors.Is(err, seal.ErrTampered) || !strings.Contains(err.Error(), `"b"`) {
		t.Fatalf("got %v", err)
	}
	if n := len(s.Keys()); n != 2 {
		t.Errorf("%d keys are left", n)
	}
	mustGet(t, s, "a", "1")
	mustGet(t, s, "c", "3")
	mustPut(t, engine, "b", whole)
	mustGet(t, s, "b", "2")
	if err := s.Reseal(t.Context(), nil); err != nil || len(s.Keys()) != 1 {
		t.Errorf("after the repair: %v, %d keys", err, len(s.Keys()))
	}
	mustGet(t, s, "b", "2")
}

// Two processes on one store: what one rotates, reseals and drops, the other goes on
// reading, and never writes under a key that is gone.
func TestOtherProcessFollowsTheKeyring(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	a, b := mustOpen(t, engine, root), mustOpen(t, engine, root)
	mustPut(t, b, "from b", "1") // b has a lease under the first key
	ctx := t.Context()
	if err := errors.Join(a.Rotate(ctx), a.Reseal(ctx, nil)); err != nil {
		t.Fatal(err)
	}
	mustGet(t, b, "from b", "1") // under a key that b has not seen
	mustPut(t, a, "from a", "2")
	mustGet(t, b, "from a", "2")
	if err := errors.Join(a.Rotate(ctx), a.Reseal(ctx, nil)); err != nil {
		t.Fatal(err)
	}
	mustPut(t, b, "from b", "3") // b's newest key was dropped
	mustGet(t, a, "from b", "3")
	if diff := cmp.Diff(map[uint32]int{3: 2}, keyIDs(t, engine)); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotOutlivesItsKeys(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, "k", "1")
	ctx := t.Context()
	_, err := s.View(ctx, func(r kv.Reader) error {
		done := make(chan error)
		go func() { done <- errors.Join(s.Rotate(ctx), s.Reseal(ctx, nil)) }()
		if err := <-done; err != nil {
			return err
		}
		v, err := r.Get("k")
		if string(v) != "1" {
			t.Errorf("reads %q", v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Writers count up one record each, through two processes, while a third rotates and
// reseals: no count is lost, and everything opens.
func TestRotationUnderWriters(t *testing.T) {
	t.Parallel()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		rotateUnderWriters(t, memkv.New())
	})
	t.Run("on disk", func(t *testing.T) {
		t.Parallel()
		engine := openBolt(t, filepath.Join(t.TempDir(), "db"))
		defer engine.Close()
		rotateUnderWriters(t, engine)
	})
}

func rotateUnderWriters(t *testing.T, engine kv.Store) {
	root := newRoot(t)
	opts := testOptions()
	opts.Lease, opts.Seals = 128, 512
	var stores [3]*seal.Store
	for i := range stores {
		s, err := seal.Open(t.Context(), engine, root, opts)
		if err != nil {
			t.Fatal(err)
		}
		stores[i] = s
	}
	const writers, rotations = 4, 10
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		for range rotations {
			if err := errors.Join(stores[2].Rotate(t.Context()), stores[2].Reseal(t.Context(), nil)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var counts [writers]int
	for w := range writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := countUp(t.Context(), stores[w%2], "w"+strconv.Itoa(w)); err != nil {
					t.Error(err)
					return
				}
				counts[w]++
			}
		})
	}
	wg.Wait()
	for w, n := range counts {
		if n > 0 {
			mustGet(t, mustOpen(t, engine, root), "w"+strconv.Itoa(w), strconv.Itoa(n))
		}
	}
	if id := stores[2].Keys()[0].ID; id <= rotations {
		t.Errorf("the oldest key is %d after %d rotations", id, rotations)
	}
}

func countUp(ctx context.Context, s kv.Store, key string) error {
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(v))
		return tx.Put(key, []byte(strconv.Itoa(n+1)))
	})
	return err
}

func TestSealsAreBookedBeforeUse(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	opts := testOptions()
	opts.Lease, opts.Seals = 10, 25
	open := func() *seal.Store {
		s, err := seal.Open(t.Context(), engine, root, opts)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	booked := func(s *seal.Store) (got []uint64) {
		for _, k := range s.Keys() {
			got = append(got, k.Seals)
		}
		return got
	}
	s := open()
	if diff := cmp.Diff([]uint64{0}, booked(s)); diff != "" {
		t.Error("before the first write: ", diff)
	}
	mustPut(t, s, "k", "v")
	s = open() // as after a crash: nine seals of the lease are lost
	if diff := cmp.Diff([]uint64{10}, booked(s)); diff != "" {
		t.Error("after a restart: ", diff)
	}
	for range 10 {
		mustPut(t, s, "k", "v")
	}
	if diff := cmp.Diff([]uint64{20}, booked(s)); diff != "" {
		t.Error("after eleven writes: ", diff)
	}
	mustPut(t, s, "k", "v")
	if diff := cmp.Diff([]uint64{20, 10}, booked(s)); diff != "" {
		t.Error("a third lease would go beyond 25: ", diff)
	}
	mustGet(t, open(), "k", "v")
}

// A transaction that ran and was rolled back has sealed all the same.
func TestRolledBackSealsCount(t *testing.T) {
	t.Parallel()
	opts := testOptions()
	opts.Lease, opts.Seals = 4, 100
	s, err := seal.Open(t.Context(), memkv.New(), newRoot(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	fail := errors.New("rolled back")
	for range 9 {
		_, err := s.Update(t.Context(), func(tx kv.Tx) error {
			if err := tx.Put("k", nil); err != nil {
				return err
			}
			return fail
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
	}
	if got := s.Keys()[0].Seals; got != 12 {
		t.Errorf("%d seals are booked, not 12", got)
	}
}

func TestUpdateLargerThanTheLease(t *testing.T) {
	t.Parallel()
	opts := testOptions()
	opts.Lease = 3
	s, err := seal.Open(t.Context(), memkv.New(), newRoot(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), func(tx kv.Tx) error {
		for i := range 4 {
			_ = tx.Put(strconv.Itoa(i), nil) // the transaction fails even so
		}
		return nil
	})
	if err == nil || len(raw(t, s)) != 0 {
		t.Errorf("got %v and %d records", err, len(raw(t, s)))
	}
}

func TestRewrap(t *testing.T) {
	t.Parallel()
	engine, file := memkv.New(), newRoot(t)
	s := mustOpen(t, engine, file)
	mustPut(t, s, "k", canary)
	before := raw(t, engine)["k"]
	ctx := t.Context()

	roots := []seal.Root{file, newPassphrase(t, "correct horse"), newRoot(t), newPassphrase(t, "battery staple"), file}
	for i, root := range roots[1:] {
		if err := s.Rewrap(ctx, root); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Open(ctx, engine, roots[i], testOptions()); !errors.Is(err, seal.ErrWrongRoot) {
			t.Errorf("%s opens what was rewrapped by %s: %v", roots[i], root, err)
		}
		mustGet(t, mustOpen(t, engine, root), "k", canary)
		mustPut(t, s, "again", strconv.Itoa(i))
		mustGet(t, mustOpen(t, engine, root), "again", strconv.Itoa(i))
	}
	if raw(t, engine)["k"] != before {
		t.Error("a record was rewritten")
	}
}

// A process that has the old root goes on reading and stops writing.
func TestRewrapByAnotherProcess(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	a, b := mustOpen(t, engine, root), mustOpen(t, engine, root)
	mustPut(t, b, "k", "1")
	if err := a.Rewrap(t.Context(), newRoot(t)); err != nil {
		t.Fatal(err)
	}
	mustGet(t, b, "k", "1")
	if err := put(t.Context(), b, "k", "2"); !errors.Is(err, seal.ErrWrongRoot) {
		t.Errorf("Put answers %v", err)
	}
	mustPut(t, a, "k", "3")
	mustGet(t, b, "k", "3")
}

// halfRoot can wrap but not unwrap.
type halfRoot struct{ *seal.KeyFile }

var errNoPermission = errors.New("no permission to decrypt")

func (halfRoot) Unwrap(context.Context, []byte) ([]byte, error) { return nil, errNoPermission }

// otherRoot unwraps to another key.
type otherRoot struct{ *seal.KeyFile }

func (otherRoot) Unwrap(context.Context, []byte) ([]byte, error) {
	return bytes.Repeat([]byte{1}, 32), nil
}

func TestRootIsTriedBeforeItHoldsAStore(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	if _, err := seal.Open(t.Context(), engine, halfRoot{root}, testOptions()); !errors.Is(err, errNoPermission) {
		t.Errorf("Open answers %v", err)
	}
	if n := len(raw(t, engine)); n != 0 {
		t.Errorf("the store has %d records", n)
	}
	s := mustOpen(t, engine, root)
	if err := s.Rewrap(t.Context(), halfRoot{newRoot(t)}); !errors.Is(err, errNoPermission) {
		t.Errorf("Rewrap answers %v", err)
	}
	if err := s.Rewrap(t.Context(), otherRoot{newRoot(t)}); err == nil {
		t.Error("a root that unwraps to another key was taken")
	}
	mustOpen(t, engine, root)
}
