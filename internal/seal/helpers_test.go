// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a plaintext that no record, file or error may show.
const canary = "hunter2-canary-plaintext"

// epoch is what tests' clocks show.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testOptions() seal.Options { return seal.Options{Now: func() time.Time { return epoch }} }

// newRoot returns a root whose key file is yet to be made.
func newRoot(tb testing.TB) *seal.KeyFile {
	tb.Helper()
	return seal.FileRoot(filepath.Join(tb.TempDir(), "root.key"))
}

// mustOpen opens a sealed store over store, without taking it over.
func mustOpen(tb testing.TB, store kv.Store, root seal.Root) *seal.Store {
	tb.Helper()
	s, err := seal.Open(tb.Context(), store, root, testOptions())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func mustPut(tb testing.TB, s kv.Store, key, value string) {
	tb.Helper()
	if err := put(tb.Context(), s, key, value); err != nil {
		tb.Fatal(err)
	}
}

func put(ctx context.Context, s kv.Store, key, value string) error {
	_, err := s.Update(ctx, func(tx kv.Tx) error { return tx.Put(key, []byte(value)) })
	return err
}

// get returns a copy of a value, or nil.
func get(ctx context.Context, s kv.Store, key string) (value []byte, err error) {
	_, err = s.View(ctx, func(r kv.Reader) error {
		v, err := r.Get(key)
		value = bytes.Clone(v)
		return err
	})
	return value, err
}

func mustGet(tb testing.TB, s kv.Store, key, want string) {
	tb.Helper()
	got, err := get(tb.Context(), s, key)
	if err != nil {
		tb.Fatal(err)
	}
	if got == nil || string(got) != want {
		tb.Fatalf("%s is %q, want %q", key, got, want)
	}
}

// raw returns all that the engine holds.
func raw(tb testing.TB, s kv.Store) map[string]string {
	tb.Helper()
	all := make(map[string]string)
	_, err := s.View(tb.Context(), func(r kv.Reader) error {
		for pair, err := range r.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			all[pair.Key] = string(pair.Value)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
