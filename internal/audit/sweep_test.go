// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSweepsShareCommits holds that several transactions of a sweep are under way at once,
// each of bounded size, and that each key is deleted.
func TestSweepsShareCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rounds = 4
		const keys = (rounds-1)*sweepCount*sweepAtOnce + 10
		var mu sync.Mutex
		deleted := map[string]int{}
		s := newSweeper(func(_ context.Context, keys []string) error {
			time.Sleep(time.Second) // a commit
			mu.Lock()
			defer mu.Unlock()
			if len(keys) > sweepCount {
				t.Errorf("%d keys in one transaction", len(keys))
			}
			for _, key := range keys {
				deleted[key]++
			}
			return nil
		})
		s.add(numbered(keys))
		start := time.Now()
		s.sweep(1)
		if took := time.Since(start); took != rounds*time.Second {
			t.Errorf("it took %v, want %d commits", took, rounds)
		}
		if len(deleted) != keys || s.waiting() != 0 {
			t.Errorf("%d of %d keys were deleted, %d wait", len(deleted), keys, s.waiting())
		}
	})
}

// numbered returns n records with keys of their own.
func numbered(n int) (ps []placed) {
	for i := range n {
		ps = append(ps, placed{Staged: Staged{key: fmt.Sprint(i)}})
	}
	return ps
}

// TestSweepKeepsWhatFailed holds that what could not be deleted is tried again.
func TestSweepKeepsWhatFailed(t *testing.T) {
	t.Parallel()
	broken, deleted := true, map[string]bool{}
	var mu sync.Mutex
	s := newSweeper(func(_ context.Context, keys []string) error {
		mu.Lock()
		defer mu.Unlock()
		if broken && keys[0] == "0" {
			return errors.New("not now")
		}
		for _, key := range keys {
			deleted[key] = true
		}
		return nil
	})
	const keys = 2 * sweepCount
	s.add(numbered(keys))
	s.sweep(1)
	if s.waiting() != keys {
		t.Errorf("%d keys wait after a failure, want %d", s.waiting(), keys)
	}
	broken = false
	s.sweep(1)
	if s.waiting() != 0 || len(deleted) != keys {
		t.Errorf("%d keys wait, %d were deleted", s.waiting(), len(deleted))
	}
}
