// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// What one PutSecretValue keeps: the secret's record, the version's, and the audit
// lines of the call and of the data key that it asked KMS for.
const (
	headBytes    = 700
	versionBytes = 450
	linesBytes   = 2600
)

// Commits is what durable writes can't be faster than: bbolt alone, in a directory,
// with so many writers that share commits (bbolt's Batch), each putting the keys and
// the bytes that one PutSecretValue keeps. No HTTP, no signature, no encryption. It
// returns transactions a second.
func Commits(ctx context.Context, dir string, writers int, d time.Duration) (float64, error) {
	db, err := bolt.Open(filepath.Join(dir, "commits.db"), 0o600, &bolt.Options{ // as boltkv has it
		FreelistType: bolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30, NoStatistics: true,
	})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.MaxBatchSize = writers
	db.MaxBatchDelay = time.Millisecond
	bucket := []byte("b")
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var commits, sequence atomic.Uint64
	errs := make(chan error, writers)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := db.Batch(func(tx *bolt.Tx) error { return put(tx.Bucket(bucket), i, &sequence) }); err != nil {
					errs <- err
					return
				}
				commits.Add(1)
			}
		})
	}
	wg.Wait()
	close(errs)
	return float64(commits.Load()) / time.Since(start).Seconds(), <-errs
}

func put(b *bolt.Bucket, writer int, sequence *atomic.Uint64) error {
	value := make([]byte, headBytes+versionBytes+linesBytes)
	_, _ = rand.Read(value[:32])
	key := func(table string, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte(table), n) }
	n := sequence.Add(1)
	if err := b.Put(key("sm/secret/000000000000/us-east-1/bench/", uint64(writer)), value[:headBytes]); err != nil {
		return err
	}
	version := append(key("sm/version/000000000000/us-east-1/", uint64(writer)), key("", n)...)
	if err := b.Put(version, value[:versionBytes]); err != nil {
		return err
	}
	return b.Put(key("audit/pending/local/", n), value[:linesBytes])
}
