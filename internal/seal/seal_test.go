// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestValuesComeBackAndAreSealed(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	_, err := s.Update(t.Context(), func(tx kv.Tx) error {
		for key, value := range map[string][]byte{"a": []byte(canary), "b": {}, "c": nil} {
			if err := tx.Put(key, value); err != nil {
				return err
			}
		}
		own, err := tx.Get("a")
		if string(own) != canary {
			t.Errorf("the transaction reads %q as its own write", own)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := get(t.Context(), s, "missing"); got != nil || err != nil {
		t.Errorf("a missing key is %q, %v", got, err)
	}
	if diff := cmp.Diff(map[string]string{"a": canary, "b": "", "c": ""}, raw(t, s)); diff != "" {
		t.Error(diff)
	}
	sealed := raw(t, engine)
	if got := len(sealed["a"]) - len(canary); got != seal.Overhead {
		t.Errorf("a record is %d bytes longer than its value, not %d", got, seal.Overhead)
	}
	for key, record := range sealed {
		if strings.Contains(record, canary) || strings.Contains(record, canary[:8]) {
			t.Errorf("record %s shows the plaintext", key)
		}
	}
}

func TestEmptyDiffersFromMissing(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, "empty", "")
	_, err := s.View(t.Context(), func(r kv.Reader) error {
		if v, err := r.Get("empty"); v == nil || len(v) != 0 || err != nil {
			t.Errorf("an empty value is %#v, %v", v, err)
		}
		if v, err := r.Get("none"); v != nil || err != nil {
			t.Errorf("a missing value is %#v, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLimitsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, strings.Repeat("k", kv.MaxKey), strings.Repeat("v", kv.MaxValue))
	mustGet(t, s, strings.Repeat("k", kv.MaxKey), strings.Repeat("v", kv.MaxValue))
	for name, err := range map[string]error{
		"value": put(t.Context(), s, "k", strings.Repeat("v", kv.MaxValue+1)),
		"key":   put(t.Context(), s, strings.Repeat("k", kv.MaxKey+1), ""),
	} {
		if !errors.Is(err, kv.ErrTooLarge) {
			t.Errorf("%s too large: %v", name, err)
		}
	}
	if err := put(t.Context(), s, "", "v"); !errors.Is(err, kv.ErrEmptyKey) {
		t.Errorf("empty key: %v", err)
	}
}

func TestReservedKeysAreOutOfReach(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, "sys/other", "v")
	if diff := cmp.Diff(map[string]string{"sys/other": "v"}, raw(t, s)); diff != "" {
		t.Error(diff)
	}
	_, err := s.Update(t.Context(), func(tx kv.Tx) error {
		if err := tx.Put(seal.KeyringKey, nil); !errors.Is(err, seal.ErrReserved) {
			t.Errorf("Put: %v", err)
		}
		if err := tx.Delete(seal.KeyringKey); !errors.Is(err, seal.ErrReserved) {
			t.Errorf("Delete: %v", err)
		}
		if _, err := tx.Get(seal.KeyringKey); !errors.Is(err, seal.ErrReserved) {
			t.Errorf("Get: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchOpensAndPassesOverTheKeyring(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	mustPut(t, s, "a", "1")
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "2")
	if _, err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete("a") }); err != nil {
		t.Fatal(err)
	}
	var got []string
	for event, err := range s.Watch(t.Context(), "", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Value == nil {
			got = append(got, "deleted "+event.Key)
			break
		}
		got = append(got, event.Key+"="+string(event.Value))
	}
	if diff := cmp.Diff([]string{"a=1", "a=2", "deleted a"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWatchFromBeforeADroppedKeyIsCompacted(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, "a", "1")
	if err := errors.Join(s.Rotate(t.Context()), s.Reseal(t.Context(), nil)); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.Watch(t.Context(), "", 0) {
		if !errors.Is(err, kv.ErrCompacted) {
			t.Fatalf("got %v", err)
		}
	}
}

func TestTwoOpensOfAnEmptyStoreMakeOneKeyring(t *testing.T) {
	t.Parallel()
	for range 20 {
		engine, root := memkv.New(), newRoot(t)
		var stores [4]*seal.Store
		var wg sync.WaitGroup
		for i := range stores {
			wg.Go(func() {
				s, err := seal.Open(t.Context(), engine, root, testOptions())
				if err != nil {
					t.Error(err)
					return
				}
				stores[i] = s
				if err := put(t.Context(), s, kv.Key("k", string(rune('0'+i))), "v"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, s := range stores {
			if n := len(raw(t, s)); n != len(stores) {
				t.Errorf("a store reads %d records of %d", n, len(stores))
			}
			if n := len(s.Keys()); n != 1 {
				t.Errorf("the keyring has %d keys", n)
			}
		}
	}
}

func TestDeriveIsStable(t *testing.T) {
	t.Parallel()
	engine, root, other := memkv.New(), newRoot(t), newRoot(t)
	s := mustOpen(t, engine, root)
	derive := func(s *seal.Store, label string) secret.Value {
		t.Helper()
		v, err := s.Derive(label)
		if err != nil || v.Len() != 32 {
			t.Fatalf("derived %d bytes, %v", v.Len(), err)
		}
		return v
	}
	first, second := derive(s, "page tokens"), derive(s, "audit")
	if first.Equal(second) {
		t.Error("two labels have the same key")
	}
	ctx := t.Context()
	if err := errors.Join(s.Rotate(ctx), s.Reseal(ctx, nil), s.Rewrap(ctx, other)); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, engine, other); !derive(again, "page tokens").Equal(first) || !derive(s, "audit").Equal(second) {
		t.Error("a derived key changed")
	}
	if apart := mustOpen(t, memkv.New(), root); derive(apart, "audit").Equal(second) {
		t.Error("two stores have the same key")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Derive("audit"); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := get(ctx, s, "k"); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestDataWithoutAKeyringIsRefused(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	mustPut(t, engine, "a", "not sealed")
	path := filepath.Join(t.TempDir(), "root.key")
	_, err := seal.Open(t.Context(), engine, seal.FileRoot(path), testOptions())
	if !errors.Is(err, seal.ErrTampered) || !strings.Contains(err.Error(), "no keyring") {
		t.Errorf("got %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(found) > 0 {
		t.Errorf("a key file was made: %v", found)
	}
	if n := len(raw(t, engine)); n != 1 {
		t.Errorf("the store has %d records", n)
	}
}

func TestMissingKeyFileOfAStoreInUse(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	mustOpen(t, engine, newRoot(t))
	path := filepath.Join(t.TempDir(), "root.key")
	_, err := seal.Open(t.Context(), engine, seal.FileRoot(path), testOptions())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "restore it from its backup") {
		t.Errorf("got %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(found) > 0 {
		t.Errorf("a key file was made: %v", found)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, opts := range []seal.Options{{Seals: 10, Lease: 11}, {Seals: seal.MaxSeals + 1}} {
		if _, err := seal.Open(t.Context(), memkv.New(), newRoot(t), opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}
