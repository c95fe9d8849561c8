// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

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
