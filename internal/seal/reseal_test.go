// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
