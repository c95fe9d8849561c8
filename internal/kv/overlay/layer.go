// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package overlay

import (
	"iter"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// A Layer is a set of writes over a base, which it hides where they overlap. Layers
// stack: a Layer is a kv.Reader, and so can be the base of another. Not for
// concurrent use.
type Layer struct {
	base   kv.Reader
	writes []kv.Pair // sorted by key; a nil value is a deletion
}

var _ kv.Reader = (*Layer)(nil)

// NewLayer returns an empty layer over base.
func NewLayer(base kv.Reader) *Layer { return &Layer{base: base} }

// Set records that key has value from now on, or that it is gone if value is nil. The
// layer keeps the value as it is.
func (l *Layer) Set(key string, value []byte) {
	if i, found := l.find(key); found {
		l.writes[i].Value = value
	} else {
		l.writes = slices.Insert(l.writes, i, kv.Pair{Key: key, Value: value})
	}
}

// Len returns the number of keys written.
func (l *Layer) Len() int { return len(l.writes) }

// Writes yields each key written with its last value, nil for a deletion, in the order
// of the keys. The layer must not be written to meanwhile.
func (l *Layer) Writes() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, w := range l.writes {
			if !yield(w.Key, w.Value) {
				return
			}
		}
	}
}

func (l *Layer) find(key string) (int, bool) {
	return slices.BinarySearchFunc(l.writes, key, func(p kv.Pair, key string) int {
		return strings.Compare(p.Key, key)
	})
}

// Get is kv.Reader's.
func (l *Layer) Get(key string) ([]byte, error) {
	if i, found := l.find(key); found {
		return l.writes[i].Value, nil
	}
	return l.base.Get(key)
}

// Scan is kv.Reader's.
func (l *Layer) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		own := l.within(r)
		show := func(p kv.Pair) bool { return p.Value == nil || yield(p, nil) }
		for pair, err := range l.base.Scan(r) {
			if err != nil {
				yield(kv.Pair{}, err)
				return
			}
			for len(own) > 0 && precedes(own[0], pair, r.Reverse) {
				if !show(own[0]) {
					return
				}
				own = own[1:]
			}
			if len(own) > 0 && own[0].Key == pair.Key {
				pair, own = own[0], own[1:]
			}
			if !show(pair) {
				return
			}
		}
		for _, pair := range own {
			if !show(pair) {
				return
			}
		}
	}
}

// within returns a copy of the writes inside r, in r's order.
func (l *Layer) within(r kv.Range) []kv.Pair {
	start, end := r.Bounds()
	from, _ := l.find(start)
	to := len(l.writes)
	if end != "" {
		to, _ = l.find(end)
	}
	own := slices.Clone(l.writes[from:max(from, to)])
	if r.Reverse {
		slices.Reverse(own)
	}
	return own
}

func precedes(a, b kv.Pair, reverse bool) bool {
	if reverse {
		return a.Key > b.Key
	}
	return a.Key < b.Key
}
