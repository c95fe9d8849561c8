// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

const benchKey = "sm/123456789012/eu-west-1/secret/prod%2Fdb"

// eachStore runs a benchmark on engines, bare and sealed.
func eachStore(b *testing.B, run func(*testing.B, kv.Store)) {
	b.Helper()
	for _, engine := range []struct {
		name string
		open func() kv.Store
	}{
		{"memory", func() kv.Store { return memkv.New() }},
		{"disk", func() kv.Store { return openBolt(b, filepath.Join(b.TempDir(), "db")) }},
	} {
		b.Run("engine="+engine.name+"/sealed=no", func(b *testing.B) {
			s := engine.open()
			defer s.Close()
			run(b, s)
		})
		b.Run("engine="+engine.name+"/sealed=yes", func(b *testing.B) {
			s := mustOpen(b, engine.open(), newRoot(b))
			defer s.Close()
			run(b, s)
		})
	}
}

// BenchmarkGet reads 1 KiB within one transaction.
func BenchmarkGet(b *testing.B) {
	eachStore(b, func(b *testing.B, s kv.Store) {
		mustPut(b, s, benchKey, strings.Repeat("v", 1024))
		b.ReportAllocs()
		b.SetBytes(1024)
		_, err := s.View(b.Context(), func(r kv.Reader) error {
			for b.Loop() {
				if _, err := r.Get(benchKey); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkView reads 1 KiB in a transaction of its own.
func BenchmarkView(b *testing.B) {
	eachStore(b, func(b *testing.B, s kv.Store) {
		mustPut(b, s, benchKey, strings.Repeat("v", 1024))
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.View(b.Context(), func(r kv.Reader) error {
				_, err := r.Get(benchKey)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUpdate writes 1 KiB in a transaction of its own.
func BenchmarkUpdate(b *testing.B) {
	eachStore(b, func(b *testing.B, s kv.Store) {
		value := []byte(strings.Repeat("v", 1024))
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(benchKey, value) })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRecord opens and seals 1 KiB with no store around it.
func BenchmarkRecord(b *testing.B) {
	one := seal.NewOneKey(1, [seal.KeySize]byte{1})
	record := one.Seal(benchKey, make([]byte, 1024))
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := one.Open(benchKey, record); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		value := make([]byte, 1024)
		for b.Loop() {
			one.Seal(benchKey, value)
		}
	})
}

// A Get costs one allocation, for the plaintext, more than the engine's.
func TestGetAllocatesOnlyThePlaintext(t *testing.T) {
	s := mustOpen(t, memkv.New(), newRoot(t))
	mustPut(t, s, benchKey, strings.Repeat("v", 1024))
	_, err := s.View(t.Context(), func(r kv.Reader) error {
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := r.Get(benchKey); err != nil {
				t.Error(err)
			}
		})
		if allocs > 1 {
			t.Errorf("a Get allocates %v times", allocs)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
