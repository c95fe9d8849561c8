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
	"fmt"
	"iter"
)

const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 1024
	// MaxValue is the largest value that a caller may write, in bytes.
	MaxValue = 1 << 20
	// Headroom is how many bytes beyond MaxValue an engine takes, for what a Store
	// over another one, such as seal's, adds to its callers' values.
	Headroom = 64
	// MaxOps is the number of distinct keys that one Update may write. It is
	// etcd's default limit of 128 operations a transaction, less room for the
	// engine's own keys.
	MaxOps = 100
)

// Errors that engines return, to be tested with errors.Is.
var (
	// ErrEmptyKey says that a write named the empty key, which no engine stores.
	ErrEmptyKey = errors.New("kv: key is empty")
	// ErrTooLarge says that a key, a value or the number of writes exceeds its limit.
	ErrTooLarge = errors.New("kv: key, value or transaction too large")
	// ErrFull says that the storage has no room left: the Update had no effect, reads
	// go on, and writes do again once there is room, without a restart.
	ErrFull = errors.New("kv: no space left for the database")
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

// Reader reads one snapshot. It is valid only inside the function that it was
// handed to, and not for concurrent use; afterwards it answers errors.
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

// Revisioned is what a Reader of a View may be as well, to save its caller from
// reading what it read at the same revision before. The Tx of an Update is not: it
// sees writes that have no revision yet.
type Revisioned interface {
	// Revision returns the revision of the snapshot, if it is known.
	Revision() (rev Rev, known bool)
}

// Tx reads and writes. It sees its own writes. Valid and concurrent as Reader.
// A write that answers an error had no effect; the transaction goes on.
type Tx interface {
	Reader
	// Put sets the value of key. The value is copied; a nil one is stored as empty.
	// The limits are those of CheckPair, and MaxOps for distinct keys put or deleted.
	Put(key string, value []byte) error
	// Delete removes key; a key that is not there is no error and no change.
	Delete(key string) error
}

// An Event is one change, as Watch tells it. A nil Value means a deletion. The
// changes of one Update share its revision and come in the order of their keys.
// The value may be kept, but is shared with other watchers and must not be changed.
type Event struct {
	Rev   Rev
	Key   string
	Value []byte
}

// Store is a database. All methods are for concurrent use. Transactions don't nest:
// calling a method of the store from inside fn, on the same goroutine or waiting for
// another that does, may block for ever.
type Store interface {
	// View runs fn on a snapshot and returns the snapshot's revision and fn's error.
	// It sees every Update that returned before it began. Should ctx be done before
	// fn runs, fn does not run.
	View(ctx context.Context, fn func(Reader) error) (Rev, error)
	// Update runs fn in a serialisable transaction and commits it if fn returns nil.
	// When Update returns nil, what fn wrote is durable, and the revision is its own
	// (or that of the state it read, if it wrote nothing). When it returns fn's error,
	// nothing of fn's writes is kept. fn may run several times, so it must have no
	// effect but its writes; what it leaves in the caller's variables must be
	// overwritten by the next run. A panic in fn is passed on to the caller of Update
	// and keeps nothing. Should ctx be done before fn runs, fn does not run, then or
	// later; once fn has returned nil, the end of ctx need not stop the commit.
	Update(ctx context.Context, fn func(Tx) error) (Rev, error)
	// Watch yields every change to keys with prefix made after revision after, each
	// once, in order, without a gap, until ctx ends or the store closes. Unless the
	// caller breaks off, the last thing it yields is an error with a zero Event: that of
	// ctx, ErrClosed, or ErrCompacted for a watcher that asked for too old a revision
	// or fell too far behind. A revision not yet reached is waited for.
	Watch(ctx context.Context, prefix string, after Rev) iter.Seq2[Event, error]
	// Close ends all use, waiting for transactions under way; from then on every
	// method answers ErrClosed. Closing again does no harm.
	Close() error
}

// CheckPair returns ErrEmptyKey or ErrTooLarge, wrapped, if an engine must not store
// value under key. It serves engines, so that all have the same limits: MaxKey, and
// MaxValue with Headroom.
func CheckPair(key string, value []byte) error {
	switch {
	case key == "":
		return ErrEmptyKey
	case len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, len(key), MaxKey)
	case len(value) > MaxValue+Headroom:
		return fmt.Errorf("%w: value of %d bytes, at most %d", ErrTooLarge, len(value), MaxValue)
	}
	return nil
}
