// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// Staged are the lines of one call that were put into the store with its effect.
// The zero Staged has none. It is valid after the transaction that it was staged in.
type Staged struct {
	key  string
	body []byte // the lines, with newlines between them
}

func (s Staged) events() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest, more := s.body, len(s.body) > 0; more; {
			var line []byte
			line, rest, more = bytes.Cut(rest, []byte{'\n'})
			if !yield(line) {
				return
			}
		}
	}
}

// pendingPrefix is the range of the store's keys for a node's staged lines. A key goes on
// with the boot, which differs for each Open and grows with time, and a number.
func pendingPrefix(node string) string { return kv.Prefix("audit", "pending", node) }

// A pending value is the sequence before which its lines are not in the log, a
// newline, and the lines with newlines between them.
func appendPending(b []byte, notBefore uint64, lines [][]byte) (value, body []byte) {
	b = strconv.AppendUint(b, notBefore, 10)
	start := len(b) + 1
	for _, line := range lines {
		b = append(b, '\n')
		b = append(b, line...)
	}
	return b, b[start:]
}

func parsePending(p kv.Pair) (s Staged, notBefore uint64, err error) {
	number, body, ok := bytes.Cut(p.Value, []byte{'\n'})
	notBefore, err = strconv.ParseUint(string(number), 10, 64)
	if !ok || err != nil {
		return s, 0, fmt.Errorf("audit: pending record %s in the store is damaged", p.Key)
	}
	s = Staged{p.Key, bytes.Clone(body)}
	for line := range s.events() {
		if checkEvent(line) != nil {
			return s, 0, fmt.Errorf("audit: pending record %s in the store is damaged", p.Key)
		}
	}
	return s, notBefore, nil
}

// Stage puts the lines of one call into the store, in the transaction of the call's
// effect, so that both are committed or neither is. Hand what it returns to Committed
// after the commit; after a rollback, forget it. A transaction that runs
// again stages again. All lines together must be below kv.MaxValue; they are copied.
func (l *Log) Stage(tx kv.Tx, lines ...[]byte) (Staged, error) {
	if l.store == nil {
		return Staged{}, errors.New("audit: log has no store to stage records in")
	}
	size := 21
	for _, line := range lines {
		if err := checkEvent(line); err != nil {
			return Staged{}, err
		}
		size += 1 + len(line)
	}
	if len(lines) == 0 {
		return Staged{}, nil
	}
	if size > kv.MaxValue {
		return Staged{}, fmt.Errorf("audit: staging records: %w", kv.ErrTooLarge)
	}
	key := fmt.Sprintf("%s%016x", l.boot, l.staged.Add(1))
	value, body := appendPending(make([]byte, 0, size), l.journal.safe.Load()+1, lines)
	if err := tx.Put(key, value); err != nil {
		return Staged{}, fmt.Errorf("audit: staging records: %w", err)
	}
	return Staged{key, body}, nil
}

// Committed says that the transaction that s was staged in is durable. It neither waits
// for the disk nor fails: the lines are in the store, and go to the file now, or after its
// recovery, or, if too much waits, at the next Open.
func (l *Log) Committed(s Staged) {
	if len(s.body) == 0 {
		return
	}
	if !l.queue.addStaged(s) {
		l.deferred.Add(1)
		return
	}
	wake(l.wake)
}
