// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

// A record of the engine is replaced; it alone must fail, loudly, by its name.
func TestTamperingFailsThatRecordOnly(t *testing.T) {
	t.Parallel()
	const victim = "sm/victim"
	for name, tamper := range map[string]func(map[string]string) string{
		"swapped":          func(all map[string]string) string { return all["sm/other"] },
		"emptied":          func(map[string]string) string { return "" },
		"truncated":        func(all map[string]string) string { return all[victim][:len(all[victim])-1] },
		"cut to header":    func(all map[string]string) string { return all[victim][:5] },
		"cut short of tag": func(all map[string]string) string { return all[victim][:seal.Overhead-1] },
		"extended":         func(all map[string]string) string { return all[victim] + "\x00" },
		"plaintext":        func(map[string]string) string { return canary + canary },
		"unknown key id":   func(all map[string]string) string { return "\x01\x00\x00\x00\x09" + all[victim][5:] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := memkv.New()
			s := mustOpen(t, engine, newRoot(t))
			mustPut(t, s, victim, canary)
			mustPut(t, s, "sm/other", "untouched")
			mustPut(t, engine, victim, tamper(raw(t, engine)))

			got, err := get(t.Context(), s, victim)
			if got != nil || !errors.Is(err, seal.ErrTampered) || !strings.Contains(err.Error(), victim) {
				t.Errorf("Get answers %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), canary[:8]) {
				t.Errorf("the error shows content: %v", err)
			}
			mustGet(t, s, "sm/other", "untouched")
			scanned := scan(t, s, kv.Range{Reverse: true})
			if !errors.Is(scanned, seal.ErrTampered) {
				t.Errorf("Scan answers %v", scanned)
			}
			mustPut(t, s, victim, "written anew")
			mustGet(t, s, victim, "written anew")
		})
	}
}

// scan returns the error that ends a scan.
func scan(tb testing.TB, s kv.Store, r kv.Range) error {
	tb.Helper()
	_, err := s.View(tb.Context(), func(in kv.Reader) error {
		for pair, err := range in.Scan(r) {
			if err != nil {
				if pair.Key != "" || pair.Value != nil {
					tb.Errorf("the error comes with %q", pair.Key)
				}
				return err
			}
		}
		return nil
	})
	return err
}

func TestWatchTellsTampering(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	mustPut(t, s, "a", canary)
	mustPut(t, engine, "b", raw(t, engine)["a"])
	var last error
	for _, err := range s.Watch(t.Context(), "", 0) {
		last = err
	}
	if !errors.Is(last, seal.ErrTampered) || !strings.Contains(last.Error(), `"b"`) {
		t.Errorf("the watch ended with %v", last)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	one := seal.NewOneKey(7, [seal.KeySize]byte{1})
	record := one.Seal("k", []byte(canary))
	if got, err := one.Open("k", record); err != nil || string(got) != canary {
		t.Fatalf("opens as %q, %v", got, err)
	}
	for bit := range len(record) * 8 {
		flipped := bytes.Clone(record)
		flipped[bit/8] ^= 1 << (bit % 8)
		if got, err := one.Open("k", flipped); got != nil || !errors.Is(err, seal.ErrTampered) {
			t.Fatalf("bit %d: %q, %v", bit, got, err)
		}
	}
}

func TestUnknownFormatSaysSo(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	s := mustOpen(t, engine, newRoot(t))
	mustPut(t, s, "k", canary)
	mustPut(t, engine, "k", "\x02"+raw(t, engine)["k"][1:])
	_, err := get(t.Context(), s, "k")
	if !errors.Is(err, kv.ErrVersion) || !errors.Is(err, seal.ErrTampered) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v", err)
	}
}

// The keyring's record is damaged in every bit: the store must not open, whatever
// the root makes of it.
func TestTamperedKeyringDoesNotOpen(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	mustOpen(t, engine, root)
	whole := raw(t, engine)[seal.KeyringKey]
	for bit := range len(whole) * 8 {
		flipped := []byte(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		mustPut(t, engine, seal.KeyringKey, string(flipped))
		if _, err := seal.Open(t.Context(), engine, root, testOptions()); !errors.Is(err, seal.ErrTampered) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	for _, n := range []int{0, 1, 11, len(whole) / 2, len(whole) - 1} {
		mustPut(t, engine, seal.KeyringKey, whole[:n])
		if _, err := seal.Open(t.Context(), engine, root, testOptions()); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	mustPut(t, engine, seal.KeyringKey, whole)
	mustOpen(t, engine, root)
}

// The checksum only tells damage from a wrong key: a forger can make it fit.
func TestForgedKeyringDoesNotOpen(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	mustOpen(t, engine, root)
	whole := raw(t, engine)[seal.KeyringKey]
	for at := range len(whole) - 8 {
		forged := []byte(whole)
		forged[at] ^= 1
		mustPut(t, engine, seal.KeyringKey, string(seal.WithChecksum(forged)))
		_, err := seal.Open(t.Context(), engine, root, testOptions())
		if !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrWrongRoot) && !errors.Is(err, kv.ErrVersion) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestRemovedKeyringIsNoticed(t *testing.T) {
	t.Parallel()
	engine, root := memkv.New(), newRoot(t)
	s := mustOpen(t, engine, root)
	mustPut(t, s, "k", "v")
	if _, err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete(seal.KeyringKey) }); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Open(t.Context(), engine, root, testOptions()); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("Open answers %v", err)
	}
	if err := put(t.Context(), s, "k", "v2"); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("Put answers %v", err)
	}
	mustGet(t, s, "k", "v")
}

func FuzzOpenRecord(f *testing.F) {
	one := seal.NewOneKey(7, [seal.KeySize]byte{1})
	sealed := one.Seal("k", []byte(canary))
	f.Add("k", sealed)
	f.Add("other", sealed)
	f.Add("", []byte{})
	f.Add("k", sealed[:seal.Overhead-1])
	f.Add("k", append([]byte{2}, sealed[1:]...))
	f.Fuzz(func(t *testing.T, key string, record []byte) {
		value, err := one.Open(key, record)
		if err == nil {
			// Nonces differ between the processes of a fuzz run, so compare no records.
			if key != "k" || len(record) != len(sealed) || string(value) != canary {
				t.Fatalf("a record that was never sealed opens under %q", key)
			}
			return
		}
		if value != nil || !errors.Is(err, seal.ErrTampered) {
			t.Fatalf("answers %q, %v", value, err)
		}
	})
}

func FuzzKeyringRecord(f *testing.F) {
	engine := memkv.New()
	if _, err := seal.Open(f.Context(), engine, newRoot(f), testOptions()); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(raw(f, engine)[seal.KeyringKey]))
	f.Add(make([]byte, 36+52))
	f.Fuzz(func(t *testing.T, record []byte) {
		if err := seal.CheckKeyringRecord(record); err != nil {
			t.Fatal(err)
		}
		if len(record) > 8 {
			if err := seal.CheckKeyringRecord(seal.WithChecksum(record)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
