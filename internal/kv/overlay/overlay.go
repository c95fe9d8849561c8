// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package overlay makes a writable transaction out of a snapshot: writes are kept
// beside it and shown over it, until an engine takes them out and applies them, or
// drops them by doing nothing.
//
// It is what engines share that can't undo a single transaction by themselves: the
// embedded one, where several transactions go into one commit, and those that send
// their writes at the end.
package overlay

import (
	"errors"
	"fmt"
	"iter"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// ErrEnded is what a transaction answers when it is used after its function returned.
var ErrEnded = errors.New("kv: transaction has ended")

// A Tx is a kv.Tx over a snapshot, with the limits of the contract.
type Tx struct {
	layer Layer
	ended bool
}

var _ kv.Tx = (*Tx)(nil)

// New returns a transaction that reads what base holds.
func New(base kv.Reader) *Tx { return &Tx{layer: Layer{base: base}} }

// End takes the transaction out of use: as a kv.Tx it answers ErrEnded from now on.
func (t *Tx) End() { t.ended = true }

// Writes is Layer's. The values are the transaction's own copies, which it no longer
// touches: the caller may keep them.
func (t *Tx) Writes() iter.Seq2[string, []byte] { return t.layer.Writes() }

// Get is kv.Reader's.
func (t *Tx) Get(key string) ([]byte, error) {
	if t.ended {
		return nil, ErrEnded
	}
	return t.layer.Get(key)
}

// Scan is kv.Reader's.
func (t *Tx) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		if t.ended {
			yield(kv.Pair{}, ErrEnded)
			return
		}
		t.layer.Scan(r)(yield)
	}
}

// Put is kv.Tx's.
func (t *Tx) Put(key string, value []byte) error {
	if err := kv.CheckPair(key, value); err != nil {
		return err
	}
	copied := make([]byte, len(value))
	copy(copied, value)
	return t.write(key, copied)
}

// Delete is kv.Tx's.
func (t *Tx) Delete(key string) error {
	if err := kv.CheckPair(key, nil); err != nil {
		return err
	}
	return t.write(key, nil)
}

func (t *Tx) write(key string, value []byte) error {
	if t.ended {
		return ErrEnded
	}
	if _, again := t.layer.find(key); !again && t.layer.Len() == kv.MaxOps {
		return fmt.Errorf("%w: more than %d keys written in one transaction", kv.ErrTooLarge, kv.MaxOps)
	}
	t.layer.Set(key, value)
	return nil
}
