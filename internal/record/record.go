// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package record keeps typed records in a kv store: a Table is the records of one
// Go type under one key prefix, encoded as JSON with the members' declared names,
// so that a newer version may add members and an older database still opens.
//
// A table that is read on every call (access keys, principals, KMS keys) can
// remember what it decoded: see Memoised.
package record

import (
	"fmt"
	"iter"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// Table is the records of type T whose keys begin with the table's name. It is
// for concurrent use.
type Table[T any] struct {
	name string
	memo *memo[T] // nil unless memoised
}

// New returns the table called name, which is its keys' first segments as they
// are ("sm/secret"): no table's name may be the beginning of another's segments.
func New[T any](name string) *Table[T] { return &Table[T]{name: name} }

// Memoised returns a table, of one store, that keeps up to limit decoded records, fewer
// if they are larger than usual (1 KiB as they are stored). It uses what it decoded while
// the store is at the same revision, or else while the stored bytes are the same, so it is
// never stale; it saves the reading and the decoding. What Get returns is shared: callers
// must not change it, and change a copy instead.
func Memoised[T any](name string, limit int) *Table[T] {
	return &Table[T]{name: name, memo: &memo[T]{limit: limit, entries: map[string]*entry[T]{}}}
}

// Key returns the key of the record at those segments.
func (t *Table[T]) Key(segments ...string) string {
	var room [256]byte
	return string(kv.AppendKey(append(append(room[:0], t.name...), '/'), segments...))
}

// Get returns the record at those segments, or nil when there is none.
func (t *Table[T]) Get(r kv.Reader, segments ...string) (*T, error) {
	key, at := t.Key(segments...), unknown
	if t.memo != nil {
		at = revision(r)
		if v := t.memo.known(key, at); v != nil {
			return v, nil
		}
	}
	data, err := r.Get(key)
	if err != nil || data == nil {
		return nil, err
	}
	return t.decode(key, data, at)
}

func (t *Table[T]) decode(key string, data []byte, at kv.Rev) (*T, error) {
	if t.memo != nil {
		if v := t.memo.same(key, data, at); v != nil {
			return v, nil
		}
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		// The error of the JSON package may quote the record, so it is not passed on.
		return nil, fmt.Errorf("record %s: not what this version of Coffer writes", key)
	}
	if t.memo != nil {
		t.memo.put(key, data, v, at)
	}
	return v, nil
}

// Put stores v at those segments.
func (t *Table[T]) Put(tx kv.Tx, v *T, segments ...string) error {
	key := t.Key(segments...)
	data, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encoding record %s: %w", key, err)
	}
	defer clear(data) // the store has a copy of its own, sealed; here it is plain
	return tx.Put(key, data)
}

// Delete removes the record at those segments, if there is one.
func (t *Table[T]) Delete(tx kv.Tx, segments ...string) error { return tx.Delete(t.Key(segments...)) }

// All yields the records below those segments in the order of their keys, each
// with its last segments, unescaped. After, unless empty, is where the page before
// ended: the one segment below that the record there has. (Where records have several
// segments below, Scan pages through them.)
func (t *Table[T]) All(r kv.Reader, after string, segments ...string) iter.Seq2[Item[T], error] {
	prefix := t.name + "/"
	if len(segments) > 0 {
		prefix += kv.Prefix(segments...)
	}
	scan := kv.Range{Prefix: prefix}
	if after != "" {
		scan.Start = prefix + kv.Key(after) + "\x00"
	}
	return t.scan(r, scan, len(prefix))
}

// Scan yields the records of a range of the table's keys, each with all of its
// segments. The range is one of whole keys, as Key returns them, and lies within
// the table.
func (t *Table[T]) Scan(r kv.Reader, scan kv.Range) iter.Seq2[Item[T], error] {
	return t.scan(r, scan, len(t.name)+1)
}

// scan yields records with what their keys hold from that offset on.
func (t *Table[T]) scan(r kv.Reader, scan kv.Range, from int) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		for pair, err := range r.Scan(scan) {
			if err != nil {
				yield(Item[T]{}, err)
				return
			}
			v, err := t.decode(pair.Key, pair.Value, unknown)
			if !yield(Item[T]{Segments: kv.Split(pair.Key[from:]), Value: v}, err) || err != nil {
				return
			}
		}
	}
}

// Item is one record of a scan.
type Item[T any] struct {
	// Segments are the key's segments, for All those below what was scanned.
	Segments []string
	Value    *T
}
