// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

// TestNothingForLaterWakesNobody holds that a call that leaves nothing behind, as
// almost all do, costs the worker nothing.
func TestNothingForLaterWakesNobody(t *testing.T) {
	t.Parallel()
	a := &after{wake: make(chan struct{}, 1), waiting: map[string]func(kv.Tx) error{}}
	a.add(nil)
	if len(a.wake) != 0 {
		t.Error("the worker was woken for nothing")
	}
	a.add([]later{{"key", func(kv.Tx) error { return nil }}})
	if len(a.wake) != 1 || len(a.waiting) != 1 {
		t.Error("the worker was not woken for something")
	}
}

// counted counts the transactions of a store.
type counted struct {
	kv.Store
	updates atomic.Int64
}

func (c *counted) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	c.updates.Add(1)
	return c.Store.Update(ctx, fn)
}

// TestWorkForLaterSharesTransactions holds that what calls left is done together, that
// work which fails, panics or writes too much fails alone, and that nothing is lost.
func TestWorkForLaterSharesTransactions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bad  func(kv.Tx) error
		most int64 // transactions
	}{
		"all can be done": {func(kv.Tx) error { return nil }, 4},
		"one fails":       {func(kv.Tx) error { return errors.New("not now") }, 4 + together},
		"one panics":      {func(kv.Tx) error { panic("not now") }, 4 + together},
		"one writes more than there is room for": {func(tx kv.Tx) error {
			for i := range kv.MaxOps + 1 {
				if err := tx.Put(fmt.Sprint("bad/", i), nil); err != nil {
					return err
				}
			}
			return nil
		}, 4 + together},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := memkv.New()
			defer memory.Close()
			store := &counted{Store: memory}
			a := startAfter(store, slog.New(slog.DiscardHandler))
			const works = 3*together + 5
			all := []later{{"bad", test.bad}}
			for i := range works {
				all = append(all, later{fmt.Sprint(i), func(tx kv.Tx) error { return tx.Put(fmt.Sprintf("good/%03d", i), nil) }})
			}
			a.add(all)
			a.close()
			done := 0
			if _, err := store.View(t.Context(), func(r kv.Reader) error {
				for pair, err := range r.Scan(kv.Range{}) {
					if err != nil || !strings.HasPrefix(pair.Key, "good/") {
						t.Errorf("%s: %v", pair.Key, err)
					}
					done++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if done != works || store.updates.Load() > test.most {
				t.Errorf("%d of %d were done, in %d transactions, want at most %d", done, works, store.updates.Load(), test.most)
			}
		})
	}
}
