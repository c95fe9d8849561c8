// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// unknown is no revision.
const unknown kv.Rev = -1

// revision returns the revision that r reads at, or unknown.
func revision(r kv.Reader) kv.Rev {
	if r, ok := r.(kv.Revisioned); ok {
		if rev, known := r.Revision(); known {
			return rev
		}
	}
	return unknown
}

// usual is the size of a record, in bytes as it is stored, that a memo has room for as
// many of as its limit says. Larger ones leave room for fewer.
const usual = 1 << 10

// memo maps keys to records as they were decoded last. When it is full it drops any: no
// order of use is kept, so a hit only reads.
type memo[T any] struct {
	mu      sync.RWMutex
	limit   int // records
	entries map[string]*entry[T]
	bytes   int // of the entries' data
}

// entry is a decoded record. It is replaced, and never changed, but for its revision.
type entry[T any] struct {
	data  []byte
	value *T
	at    atomic.Int64 // a revision at which the store held data, or unknown
}

func (m *memo[T]) entry(key string) *entry[T] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.entries[key]
}

// known returns the record that the store held at that revision, if that is known.
func (m *memo[T]) known(key string, at kv.Rev) *T {
	if at == unknown {
		return nil
	}
	e := m.entry(key)
	if e == nil || kv.Rev(e.at.Load()) != at {
		return nil
	}
	return e.value
}

// same returns the record if its bytes are those decoded last, and notes the revision
// at which they were found.
func (m *memo[T]) same(key string, data []byte, at kv.Rev) *T {
	e := m.entry(key)
	if e == nil || !bytes.Equal(e.data, data) {
		return nil
	}
	if at != unknown {
		e.at.Store(int64(at))
	}
	return e.value
}

func (m *memo[T]) put(key string, data []byte, v *T, at kv.Rev) {
	e := &entry[T]{data: bytes.Clone(data), value: v}
	e.at.Store(int64(at))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(key)
	for other := range m.entries { // from anywhere on
		if len(m.entries) < m.limit && m.bytes+len(data) <= m.limit*usual {
			break
		}
		m.drop(other)
	}
	m.entries[key] = e
	m.bytes += len(data)
}

func (m *memo[T]) drop(key string) {
	if e := m.entries[key]; e != nil {
		m.bytes -= len(e.data)
		delete(m.entries, key)
	}
}
