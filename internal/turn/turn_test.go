// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package turn_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/turn"
)

func TestOneAtATimeOfAName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var turns turn.Turns
		began := time.Now()
		var wg sync.WaitGroup
		inside := map[string]int{}
		var mu sync.Mutex
		for _, name := range []string{"a", "b", "a", "a"} {
			wg.Go(func() {
				leave, err := turns.Enter(t.Context(), name)
				if err != nil {
					t.Error(err)
					return
				}
				defer leave()
				mu.Lock()
				inside[name]++
				if inside[name] != 1 {
					t.Errorf("%d at once", inside[name])
				}
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inside[name]--
				mu.Unlock()
			})
		}
		wg.Wait()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v: a waits for a alone", took)
		}
	})
}

func TestWhoGivesUpHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var turns turn.Turns
	leave, err := turns.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := turns.Enter(ctx, "a"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	leave()
	leave, err = turns.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
