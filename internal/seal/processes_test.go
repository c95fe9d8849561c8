// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

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
