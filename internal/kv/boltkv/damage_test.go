// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
)

var damageRounds = flag.Int("boltkv.damage", 300, "how many damaged files to open")

// contents returns what the store holds and its revision.
func contents(tb testing.TB, s kv.Store) (map[string]string, kv.Rev) {
	tb.Helper()
	all := make(map[string]string)
	rev, err := s.View(tb.Context(), func(r kv.Reader) error {
		for p, err := range r.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			all[p.Key] = string(p.Value)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all, rev
}

// A past is what a database held at each revision.
type past map[kv.Rev]map[string]string

// database makes a file with a tree of some levels, large values, free pages and holes,
// with the list of the free pages or without it. It returns the file's bytes, without the
// hole at the end, and its past.
func database(tb testing.TB, list bool) ([]byte, past) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "db")
	s := open(tb, path, boltkv.Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	history := make(past)
	for range 40 {
		_, err := s.Update(tb.Context(), func(tx kv.Tx) error {
			for range 1 + rng.IntN(60) {
				key := fmt.Sprintf("sm/000000000000/eu-west-1/secret/%04d", rng.IntN(1200))
				if rng.IntN(4) == 0 {
					if err := tx.Delete(key); err != nil {
						return err
					}
					continue
				}
				value := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(1+rng.IntN(1+rng.IntN(9000))))
				if err := tx.Put(key, value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
		all, rev := contents(tb, s)
		history[rev] = all
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	if list {
		if err := boltkv.WriteFreelist(path); err != nil {
			tb.Fatal(err)
		}
	}
	if err := boltkv.CheckBolt(path); err != nil {
		tb.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	// bbolt lets the file grow by 16 MiB, of which the rest is a hole.
	used := len(bytes.TrimRight(file, "\x00"))
	return file[:(used/boltkv.PageSize+1)*boltkv.PageSize], history
}

// damage returns the file with something wrong with it, and says what.
func damage(file []byte, rng *rand.Rand) ([]byte, string) {
	b := bytes.Clone(file)
	page := func() int { return rng.IntN(len(b)/boltkv.PageSize) * boltkv.PageSize }
	switch rng.IntN(8) {
	case 0:
		n := rng.IntN(len(b))
		return b[:n], fmt.Sprintf("cut to %d bytes", n)
	case 1:
		at, from := page(), page()
		copy(b[at:at+boltkv.PageSize], file[from:])
		return b, fmt.Sprintf("page at %d is that at %d", at, from)
	case 2:
		at := page() + 512*rng.IntN(8)
		clear(b[at : at+512])
		return b, fmt.Sprintf("sector at %d is empty", at)
	case 3:
		at := page() + 512*rng.IntN(8)
		copy(b[at:at+512], file[page():])
		return b, fmt.Sprintf("sector at %d is another's", at)
	case 4, 5: // headers and tables, where the structure is
		at := page() + rng.IntN(200)
		b[at] ^= 1 << rng.IntN(8)
		return b, fmt.Sprintf("a bit at %d is flipped", at)
	case 6:
		at := rng.IntN(2*boltkv.PageSize + 200)
		b[at] = byte(rng.Uint32())
		return b, fmt.Sprintf("byte at %d is another", at)
	default:
		at := rng.IntN(len(b))
		b[at] ^= byte(1 + rng.IntN(255))
		return b, fmt.Sprintf("byte at %d is another", at)
	}
}

// write writes a file of that size, with a hole behind the data.
func write(tb testing.TB, path string, data []byte, size int64) {
	tb.Helper()
	err := os.WriteFile(path, data, 0o600)
	if err == nil {
		err = os.Truncate(path, size)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// TestDamage opens files with damage of all kinds: each is refused, or holds exactly what
// the database held at some revision, the last or the last but one. That no process ends
// over it is shown by the test's going on.
func TestDamage(t *testing.T) {
	t.Parallel()
	t.Run("of a file", func(t *testing.T) { t.Parallel(); testDamage(t, false) })
	t.Run("of a file with a list of free pages", func(t *testing.T) { t.Parallel(); testDamage(t, true) })
}

func testDamage(t *testing.T, list bool) {
	file, history := database(t, list)
	d := damaged{t: t, path: filepath.Join(t.TempDir(), "db"), history: history, writes: true}
	for seed := range uint64(*damageRounds) {
		b, what := damage(file, rand.New(rand.NewPCG(seed, 0)))
		d.open(b, fmt.Sprintf("seed %d: %s", seed, what))
	}
	t.Logf("%d of %d files were refused", d.refused, *damageRounds)
	if d.refused < *damageRounds/4 {
		t.Errorf("only %d of %d files were refused: the damage is none", d.refused, *damageRounds)
	}
}

// TestEveryByte flips a bit in every byte of a small database.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	t.Run("of a file", func(t *testing.T) { t.Parallel(); testEveryByte(t, false) })
	t.Run("of a file with a list of free pages", func(t *testing.T) { t.Parallel(); testEveryByte(t, true) })
}

func testEveryByte(t *testing.T, list bool) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, boltkv.Options{})
	history := make(past)
	for _, key := range []string{"a", "b", "c"} {
		_, err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(key, []byte("value")) })
		if err != nil {
			t.Fatal(err)
		}
		all, rev := contents(t, s)
		history[rev] = all
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if list {
		if err := boltkv.WriteFreelist(path); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.TrimRight(file, "\x00")
	file = append(file, make([]byte, boltkv.PageSize-len(file)%boltkv.PageSize)...)
	d := damaged{t: t, path: path, history: history}
	for at := range file {
		if at%boltkv.PageSize >= 300 {
			continue // no page is that full
		}
		b := bytes.Clone(file)
		b[at] ^= 1 << (at % 8)
		d.open(b, fmt.Sprintf("a bit at %d is flipped", at))
	}
}

// damaged opens files that are damaged versions of one database.
type damaged struct {
	t       *testing.T
	path    string
	history past
	writes  bool // to what opens
	refused int
}

func (d *damaged) open(file []byte, what string) {
	write(d.t, d.path, file, int64(len(file)))
	s, err := boltkv.Open(d.path, boltkv.Options{})
	if errors.Is(err, kv.ErrCorrupt) {
		d.refused++
		if !strings.Contains(err.Error(), d.path) || !strings.Contains(err.Error(), "restore") {
			d.t.Fatalf("%s: the error does not name the file and what to do: %v", what, err)
		}
		return
	}
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
	all, rev := contents(d.t, s)
	last := slices.Max(slices.Collect(maps.Keys(d.history)))
	if rev < last-1 || rev > last || !maps.Equal(all, d.history[rev]) {
		d.t.Errorf("%s: at revision %d of %d with %d keys it is another database", what, rev, last, len(all))
	}
	if d.writes {
		if _, err := s.Update(d.t.Context(), func(tx kv.Tx) error { return tx.Put("new", nil) }); err != nil {
			d.t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// TestNotADatabase opens what never was one.
func TestNotADatabase(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"an empty file": "",
		"a short file":  "hello\n",
		"a long text":   strings.Repeat("To whom it may concern.\n", 4000),
		"zeros":         strings.Repeat("\x00", 8*boltkv.PageSize),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "db")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := boltkv.Open(path, boltkv.Options{}); !errors.Is(err, kv.ErrCorrupt) {
				t.Errorf("Open = %v, want %v", err, kv.ErrCorrupt)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != content {
				t.Errorf("Open changed the file (%v)", err)
			}
		})
	}
}

// TestCutWhileOpen cuts the file off under a running store, which must live and say so.
func TestCutWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, boltkv.Options{})
	for i := range 50 {
		_, err := s.Update(t.Context(), func(tx kv.Tx) error {
			return tx.Put(fmt.Sprint("key", i), make([]byte, 10_000))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(path, 2*boltkv.PageSize); err != nil {
		t.Fatal(err)
	}
	_, err := s.View(t.Context(), func(r kv.Reader) error {
		_, err := r.Get("key7")
		return err
	})
	if !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("View = %v, want %v", err, kv.ErrCorrupt)
	}
	_, err = s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put("key7", nil) })
	if !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("Update = %v, want %v", err, kv.ErrCorrupt)
	}
}

func TestNewerVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	if err := open(t, path, boltkv.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]error{"2": kv.ErrVersion, "0": kv.ErrCorrupt, "x": kv.ErrCorrupt, "1": nil} {
		if err := boltkv.SetFormat(path, version); err != nil {
			t.Fatal(err)
		}
		s, err := boltkv.Open(path, boltkv.Options{})
		if !errors.Is(err, want) {
			t.Errorf("format %s: Open = %v, want %v", version, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("format %s: the error does not name the file: %v", version, err)
		}
		if s != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
