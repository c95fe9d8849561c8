// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"context"
	"slices"
	"sync"
)

// A line is where Updates wait for the turn, of which there is one. Who has it may
// write, and must pass it on. It comes together with the batch to join, or with
// none: then its holder begins one.
type line struct {
	mu      sync.Mutex
	taken   bool
	waiting []chan *batch // first come, first served
}

// join waits for the turn. When it returns an error, the caller does not have it.
func (l *line) join(ctx context.Context) (*batch, error) {
	l.mu.Lock()
	if !l.taken {
		l.taken = true
		l.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *batch, 1)
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case b := <-turn:
		return b, nil
	case <-ctx.Done():
	}
	if l.leave(turn) {
		return nil, ctx.Err()
	}
	return <-turn, nil // it came at the same moment, and can't be left lying
}

// leave takes a waiting caller out and reports whether it was still waiting.
func (l *line) leave(turn chan *batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// pass gives the turn and b to the next in line and reports whether there is one.
func (l *line) pass(b *batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return false
	}
	l.give(b)
	return true
}

// release gives the turn to the next in line, or back.
func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.taken = false
		return
	}
	l.give(nil)
}

func (l *line) give(b *batch) {
	l.waiting[0] <- b
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
}
