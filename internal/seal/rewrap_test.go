// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

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

// Two processes rewrap in turn: each knows the root that it was given last.
func TestRewrapInTurn(t *testing.T) {
	t.Parallel()
	engine, second := memkv.New(), newRoot(t)
	a := mustOpen(t, engine, newRoot(t))
	if err := a.Rewrap(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, engine, second).Rewrap(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	mustPut(t, a, "k", "v") // the keyring has a key that a has not seen
	mustGet(t, a, "k", "v")
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

// shortRoot unwraps to less than a key.
type shortRoot struct{ *seal.KeyFile }

func (shortRoot) Unwrap(context.Context, []byte) ([]byte, error) { return make([]byte, 31), nil }

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
	if err := s.Rewrap(t.Context(), shortRoot{newRoot(t)}); err == nil {
		t.Error("a root that unwraps to less than a key was taken")
	}
	mustOpen(t, engine, root)
}
