// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package jobs is the outbox: what a transaction wants done afterwards is written
// as a job in the same transaction, and a worker does it.
//
// A job is done at least once: it is deleted only after its handler returned nil,
// so a handler must be safe to repeat. A job has a time before which it is not done, and
// those of a kind that are due are begun in the order of these times; one that fails is
// tried again later, and does not hold up the rest. Kinds do not wait for one another.
package jobs

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

const table = "jobs"

// Handler does the jobs of one kind.
type Handler struct {
	// Do does one job. The payload is what Enqueue was given.
	Do func(ctx context.Context, payload []byte) error
	// AtOnce is how many jobs of the kind may be under way at once. Zero means one: the
	// next is begun when the last has ended.
	AtOnce int
}

// Enqueue writes a job of that kind within tx, not to be done before that time: now, for
// one to be done at once.
func Enqueue(tx kv.Tx, kind string, due time.Time, payload []byte) error {
	return tx.Put(kv.Key(table, instant(due), kind, rand.Text()[:8]), payload)
}

// instant is a time as a segment of a key, in the order of time.
func instant(t time.Time) string { return fmt.Sprintf("%016x", t.UnixNano()) }

// job is what the key of a job tells.
func job(key string) (due time.Time, kind string, err error) {
	segments := kv.Split(key)
	if len(segments) != 4 {
		return due, "", fmt.Errorf("jobs: %s is not the key of a job", key)
	}
	nanoseconds, err := strconv.ParseInt(segments[1], 16, 64)
	return time.Unix(0, nanoseconds), segments[2], err
}

// due is the range of the jobs that may be done now.
func due(now time.Time) kv.Range {
	return kv.Range{Prefix: kv.Prefix(table), End: kv.Key(table, instant(now.Add(1)))}
}

// Due returns how many jobs may be done now, those that failed before included.
func Due(r kv.Reader, now time.Time) (n int, err error) {
	for _, err := range r.Scan(due(now)) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
