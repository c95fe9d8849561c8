// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package kv is the storage contract: an ordered map of short readable keys to
// values, changed in serialisable transactions and read in snapshots.
//
// Everything Coffer keeps goes through it. An engine (boltkv now; PostgreSQL and
// etcd later) implements Store; the suite in kvtest holds every engine to the
// same behaviour. Limits are those of the strictest engine, so that data can move
// from one to another: see MaxKey, MaxValue and MaxOps.
//
// Keys are segments joined by '/', most significant first, such as
// "sm/123456789012/eu-west-1/secret/prod%2Fdb"; Key builds them so that a segment
// can never run into the next one.
package kv

import (
	"context"
	"errors"
	"iter"
)

const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 1024
	// MaxValue is the largest value, in bytes.
	MaxValue = 1 << 20
	// MaxOps is the number of distinct keys that one Update may write. It is
	// etcd's default limit of 128 operations a transaction, less room for the
	// engine's own keys.
	MaxOps = 100
)

// Errors that engines return, to be tested with errors.Is.
var (
	// ErrTooLarge says that a key, a value or the number of writes exceeds its limit.
	ErrTooLarge = errors.New("kv: key, value or transaction too large")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("kv: store is closed")
	// ErrReadOnly says that the store stopped writing after a fault of the disk
	// that it must not forget (a failed sync): reads go on, and a restart tries again.
	ErrReadOnly = errors.New("kv: store stopped writing after a storage fault")
	// ErrCompacted says that a Watch asked for a revision that the engine no
	// longer has: read a snapshot and watch from its revision.
	ErrCompacted = errors.New("kv: revision is no longer available")
	// ErrVersion says that the database was written by a newer version.
	ErrVersion = errors.New("kv: database was written by a newer version of Coffer")
	// ErrCorrupt says that the engine found its file damaged.
	ErrCorrupt = errors.New("kv: database is damaged")
	// ErrLocked says that another process has the database open.
	ErrLocked = errors.New("kv: database is in use by another process")
)

// A Rev numbers the states of a store. It grows with each committed Update that
// wrote something. Zero is the empty store, before any write.
type Rev int64

// A Pair is one key with its value.
type Pair struct {
	Key   string
	Value []byte
}

// A Range is the keys k with Start <= k < End, and Prefix, if set, restricts
// them further to those that begin with it. An empty End means no upper bound.
type Range struct {
	Prefix  string
	Start   string // first key that is included
	End     string // first key that is not
	Reverse bool   // from the last key to the first
}

// Reader reads one snapshot. It is valid only inside the function that it was
// handed to, and not for concurrent use.
type Reader interface {
	// Get returns the value of key, or nil when there is none (a stored value is
	// never nil; an empty one is empty and not nil). The caller must neither change
	// nor keep the bytes after the transaction ends: they may be the engine's own.
	Get(key string) ([]byte, error)
	// Scan yields the pairs of r in the order of their keys' bytes. Pairs obey the
	// rule of Get. Writing to the range during the scan is not allowed. After an
	// error, which comes with a zero Pair, the iteration ends.
	Scan(r Range) iter.Seq2[Pair, error]
}

// Tx reads and writes. It sees its own writes. Valid and concurrent as Reader.
type Tx interface {
	Reader
	// Put sets the value of key. The value is copied.
	Put(key string, value []byte) error
	// Delete removes key; a key that is not there is no error.
	Delete(key string) error
}

// An Event is one change, as Watch tells it. A nil Value means a deletion.
type Event struct {
	Rev   Rev
	Key   string
	Value []byte
}

// Store is a database. All methods are for concurrent use.
type Store interface {
	// View runs fn on a snapshot and returns the snapshot's revision and fn's error.
	View(ctx context.Context, fn func(Reader) error) (Rev, error)
	// Update runs fn in a serialisable transaction and commits it if fn returns nil.
	// When Update returns nil, what fn wrote is durable. When it returns fn's error,
	// nothing of fn's writes is kept. fn may run several times, so it must have no
	// effect but its writes; what it leaves in the caller's variables must be
	// overwritten by the next run. A panic in fn is passed on to the caller of Update.
	Update(ctx context.Context, fn func(Tx) error) (Rev, error)
	// Watch yields every change to keys with prefix made after revision after, each
	// once, in order, without a gap, until ctx ends or the store closes.
	Watch(ctx context.Context, prefix string, after Rev) iter.Seq2[Event, error]
	// Close ends all use, waiting for transactions under way.
	Close() error
}
