// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
)

// The benchmarks run against bare bbolt in the same run, on the same kind of record: a
// value of 1 KiB under one of benchKeys keys.
const benchKeys = 10_000

var benchBucket = []byte("data")

func benchKey(n uint64) string {
	return fmt.Sprintf("sm/000000000000/eu-west-1/secret/%06d", n%benchKeys)
}

func benchValue() []byte { return make([]byte, 1<<10) }

func openBolt(b *testing.B) *bolt.DB {
	b.Helper()
	db, err := bolt.Open(filepath.Join(b.TempDir(), "db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(benchBucket)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// fill puts every key, through update, 100 at a time.
func fill(b *testing.B, update func(func(put func(key string)))) {
	b.Helper()
	for i := uint64(0); i < benchKeys; i += kv.MaxOps {
		update(func(put func(string)) {
			for n := range uint64(kv.MaxOps) {
				put(benchKey(i + n))
			}
		})
	}
}

func fillStore(b *testing.B, s kv.Store) {
	fill(b, func(write func(func(string))) {
		_, err := s.Update(b.Context(), func(tx kv.Tx) error {
			write(func(key string) { _ = tx.Put(key, benchValue()) })
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

func fillBolt(b *testing.B, db *bolt.DB) {
	fill(b, func(write func(func(string))) {
		err := db.Update(func(tx *bolt.Tx) error {
			write(func(key string) { _ = tx.Bucket(benchBucket).Put([]byte(key), benchValue()) })
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkView(b *testing.B) {
	b.Run("coffer", func(b *testing.B) {
		s := open(b, filepath.Join(b.TempDir(), "db"), boltkv.Options{})
		fillStore(b, s)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, err := s.View(b.Context(), func(r kv.Reader) error {
					_, err := r.Get(benchKey(rand.Uint64()))
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		db := openBolt(b)
		fillBolt(b, db)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				err := db.View(func(tx *bolt.Tx) error {
					_ = tx.Bucket(benchBucket).Get([]byte(benchKey(rand.Uint64())))
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkUpdate reports syncs/op as well: bbolt syncs twice a commit.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d/coffer", writers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "db"), boltkv.Options{})
			fillStore(b, s)
			before := s.Stats()
			parallel(b, writers, func(key string, value []byte) error {
				_, err := s.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(key, value) })
				return err
			})
			b.ReportMetric(2*float64(s.Stats().Commits-before.Commits)/float64(b.N), "syncs/op")
		})
		b.Run(fmt.Sprintf("writers=%d/bare", writers), func(b *testing.B) {
			benchmarkBolt(b, writers, func(db *bolt.DB) updater { return db.Update })
		})
		b.Run(fmt.Sprintf("writers=%d/bare-batch", writers), func(b *testing.B) {
			benchmarkBolt(b, writers, func(db *bolt.DB) updater { return db.Batch })
		})
	}
}

// An updater is bbolt's Update or Batch.
type updater func(func(*bolt.Tx) error) error

func benchmarkBolt(b *testing.B, writers int, method func(*bolt.DB) updater) {
	db := openBolt(b)
	fillBolt(b, db)
	before := lastTx(b, db)
	parallel(b, writers, func(key string, value []byte) error {
		return method(db)(func(tx *bolt.Tx) error { return tx.Bucket(benchBucket).Put([]byte(key), value) })
	})
	b.ReportMetric(2*float64(lastTx(b, db)-before)/float64(b.N), "syncs/op")
}

// lastTx returns the number of the last transaction that was committed.
func lastTx(b *testing.B, db *bolt.DB) (id int) {
	b.Helper()
	err := db.View(func(tx *bolt.Tx) error {
		id = tx.ID()
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return id
}

// BenchmarkOpen opens a database of 100,000 records of 1 KiB, which reads all of it.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "db")
	s := open(b, path, boltkv.Options{})
	for i := range 1000 {
		_, err := s.Update(b.Context(), func(tx kv.Tx) error {
			for n := range kv.MaxOps {
				if err := tx.Put(fmt.Sprintf("sm/000000000000/eu-west-1/secret/%06d", 100*i+n), benchValue()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		s, err := boltkv.Open(path, boltkv.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// parallel runs b.N updates on so many goroutines.
func parallel(b *testing.B, writers int, update func(key string, value []byte) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			value := benchValue()
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				binary.BigEndian.PutUint64(value, uint64(n))
				if err := update(benchKey(rand.Uint64()), value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}
