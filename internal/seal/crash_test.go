// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

var errCrash = errors.New("simulated crash")

// A faulty store fails its Updates from the one that countdown names, before they
// commit or just after, as a process does that is killed.
type faulty struct {
	kv.Store
	countdown int  // Updates until the fault; 0 means never
	after     bool // the Update that fails was committed
	largest   int  // the most bytes that an Update has written
}

func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	fail := f.countdown == 1
	if f.countdown > 1 {
		f.countdown--
	}
	if fail && !f.after {
		return 0, errCrash
	}
	rev, err := f.Store.Update(ctx, func(in kv.Tx) error {
		t := &sizedTx{Tx: in}
		err := fn(t)
		f.largest = max(f.largest, t.size)
		return err
	})
	if fail && err == nil {
		return 0, errCrash
	}
	return rev, err
}

type sizedTx struct {
	kv.Tx
	size int
}

func (t *sizedTx) Put(key string, value []byte) error {
	t.size += len(value)
	return t.Tx.Put(key, value)
}

// Each step of each change is a crash point. Whatever was acknowledged before is
// there afterwards, and the change can be made again.
func TestCrashBetweenSteps(t *testing.T) {
	t.Parallel()
	const records = 2*kv.MaxOps + 1
	changes := map[string]func(context.Context, *seal.Store) error{
		"rotate": func(ctx context.Context, s *seal.Store) error { return s.Rotate(ctx) },
		"reseal": func(ctx context.Context, s *seal.Store) error { return s.Reseal(ctx, nil) },
		"write":  func(ctx context.Context, s *seal.Store) error { return put(ctx, s, "k0000", "value 0") },
	}
	for name, change := range changes {
		for step := 1; step <= 5; step++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, Update %d, committed %t", name, step, after), func(t *testing.T) {
					t.Parallel()
					engine, root := &faulty{Store: memkv.New()}, newRoot(t)
					s := mustOpen(t, engine, root)
					want := make(map[string]string)
					for i := range records {
						key := fmt.Sprintf("k%04d", i)
						want[key] = fmt.Sprint("value ", i)
						mustPut(t, s, key, want[key])
					}
					if err := s.Rotate(t.Context()); err != nil {
						t.Fatal(err)
					}
					engine.countdown, engine.after = step, after
					err := change(t.Context(), s)
					if err != nil && !errors.Is(err, errCrash) {
						t.Fatal(err)
					}
					engine.countdown = 0
					s = mustOpen(t, engine, root)
					if diff := cmp.Diff(want, raw(t, s)); diff != "" {
						t.Fatal(diff)
					}
					if err := errors.Join(change(t.Context(), s), s.Reseal(t.Context(), nil)); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, raw(t, s)); diff != "" {
						t.Fatal(diff)
					}
					if n := len(s.Keys()); n != 1 {
						t.Errorf("%d keys are left", n)
					}
				})
			}
		}
	}
}

// A crash during the very first start leaves an empty store or a whole keyring.
func TestCrashWhileCreating(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		engine, root := &faulty{Store: memkv.New(), countdown: 1, after: after}, newRoot(t)
		if _, err := seal.Open(t.Context(), engine, root, testOptions()); !errors.Is(err, errCrash) {
			t.Fatalf("got %v", err)
		}
		engine.countdown = 0
		s := mustOpen(t, engine, root)
		mustPut(t, s, "k", "v")
		mustGet(t, mustOpen(t, engine, root), "k", "v")
	}
}

// At every moment exactly one of the two roots opens the store.
func TestCrashWhileRewrapping(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		engine, old, changed := &faulty{Store: memkv.New()}, newRoot(t), newRoot(t)
		s := mustOpen(t, engine, old)
		mustPut(t, s, "k", "v")
		engine.countdown, engine.after = 1, after
		if err := s.Rewrap(t.Context(), changed); !errors.Is(err, errCrash) {
			t.Fatalf("got %v", err)
		}
		engine.countdown = 0
		right, wrong := seal.Root(old), seal.Root(changed)
		if after {
			right, wrong = wrong, right
		}
		mustGet(t, mustOpen(t, engine, right), "k", "v")
		if _, err := seal.Open(t.Context(), engine, wrong, testOptions()); !errors.Is(err, seal.ErrWrongRoot) {
			t.Errorf("the other root: %v", err)
		}
	}
}
