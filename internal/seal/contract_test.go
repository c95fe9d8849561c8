// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/kv/kvtest"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

// fromZero counts revisions from the one that a new sealed store begins with, as the
// suite has it of an engine.
type fromZero struct {
	kv.Store
	base kv.Rev
}

func newFromZero(tb testing.TB, engine kv.Store, root seal.Root) kv.Store {
	tb.Helper()
	s := mustOpen(tb, engine, root)
	rev, err := s.View(tb.Context(), func(kv.Reader) error { return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return fromZero{s, rev}
}

func (f fromZero) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	rev, err := f.Store.View(ctx, fn)
	return max(rev-f.base, 0), err
}

func (f fromZero) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	rev, err := f.Store.Update(ctx, fn)
	return max(rev-f.base, 0), err
}

func (f fromZero) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		for e, err := range f.Store.Watch(ctx, prefix, after+f.base) {
			if err == nil {
				e.Rev -= f.base
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestContractInMemory(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, kvtest.Engine{Open: func(tb testing.TB) kv.Store {
		return newFromZero(tb, memkv.New(), newRoot(tb))
	}})
}

func openBolt(tb testing.TB, path string) *boltkv.Store {
	tb.Helper()
	engine, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return engine
}

func TestContractOnDisk(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	if _, err := root.Wrap(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	type opened struct {
		fromZero
		path string
	}
	kvtest.Run(t, kvtest.Engine{
		Open: func(tb testing.TB) kv.Store {
			path := filepath.Join(tb.TempDir(), "db")
			return opened{newFromZero(tb, openBolt(tb, path), root).(fromZero), path}
		},
		Reopen: func(s kv.Store) (kv.Store, error) {
			o := s.(opened)
			if err := o.Close(); err != nil {
				return nil, err
			}
			engine, err := boltkv.Open(o.path, boltkv.Options{})
			if err != nil {
				return nil, err
			}
			o.Store, err = seal.Open(context.Background(), engine, root, testOptions())
			return o, err
		},
	})
}

// Neither values nor root keys are in the bytes on the disk, in any stage of a key's
// life.
func TestFileShowsNoPlaintext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, keyPath := filepath.Join(dir, "db"), filepath.Join(dir, "root.key")
	s := mustOpen(t, openBolt(t, path), seal.FileRoot(keyPath))
	rootKey, err := os.ReadFile(keyPath)
	if err != nil {
		t.Fatal(err)
	}
	ctx, passphrase := t.Context(), "passphrase-"+canary
	for _, step := range []func() error{
		func() error { return put(ctx, s, "visible-name", canary) },
		func() error { return s.Rotate(ctx) },
		func() error { return s.Reseal(ctx, nil) },
		func() error { return s.Rewrap(ctx, newPassphrase(t, passphrase)) },
		s.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(file, []byte(canary)) {
			t.Fatal("the file holds the plaintext")
		}
		key := rootKey[bytes.LastIndex(rootKey, []byte(seal.RootWord)):]
		if parsed, err := seal.ParseRootKey(rootKey); err != nil || bytes.Contains(file, parsed[:]) || bytes.Contains(file, key) {
			t.Fatalf("the file holds the root key (%v)", err)
		}
		if !bytes.Contains(file, []byte("visible-name")) {
			t.Fatal("the file does not hold what was written: the search would find nothing")
		}
	}
}

// What a file held is there after the process is gone, under the same root.
func TestOpenAgainFromDisk(t *testing.T) {
	t.Parallel()
	path, root := filepath.Join(t.TempDir(), "db"), newRoot(t)
	s := mustOpen(t, openBolt(t, path), root)
	mustPut(t, s, "k", canary)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, openBolt(t, path), root)
	mustGet(t, s, "k", canary)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
