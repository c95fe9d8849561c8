// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

// commit stages lines beside an effect, commits, and tells the log.
func commit(t testing.TB, l *audit.Log, store kv.Store, lines ...[]byte) {
	t.Helper()
	var staged audit.Staged
	_, err := store.Update(context.Background(), func(tx kv.Tx) (err error) {
		staged, err = l.Stage(tx, lines...)
		return errors.Join(err, tx.Put("effect", lines[0]))
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Committed(staged)
}

// pending counts what is staged in the store.
func pending(t testing.TB, store kv.Store) int {
	t.Helper()
	n := 0
	_, err := store.View(context.Background(), func(r kv.Reader) error {
		for _, err := range r.Scan(kv.Range{Prefix: kv.Prefix("audit", "pending")}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// once fails the test unless each of n events is in the files exactly once.
func once(t testing.TB, n int, paths ...string) {
	t.Helper()
	count := map[string]int{}
	for _, path := range paths {
		for _, id := range ids(t, path, audit.ReadOptions{}) {
			count[id]++
		}
	}
	for i := range n {
		if c := count[fmt.Sprintf("event-%06d", i)]; c != 1 {
			t.Errorf("event %d is there %d times", i, c)
		}
	}
}

func TestConcurrentCallsAreAllRecordedOnce(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, audit.SyncAlways} {
		path, store := filepath.Join(t.TempDir(), "audit.log"), memkv.New()
		l := open(t, audit.Options{Path: path, Store: store, SyncInterval: interval})
		const callers, calls = 16, 50
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range calls {
					if n := c*calls + i; n%5 == 0 {
						commit(t, l, store, event(n))
					} else if err := l.Append(context.Background(), event(n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		closeLog(t, l)
		if r := verify(t, path); r.Records != callers*calls {
			t.Errorf("%+v", r)
		}
		once(t, callers*calls, path)
		if n := pending(t, store); n != 0 {
			t.Errorf("%d calls are still staged", n)
		}
		store.Close()
	}
}

func TestLinesThatAreNoEventAreRefused(t *testing.T) {
	t.Parallel()
	store := memkv.New()
	defer store.Close()
	l := open(t, audit.Options{Path: filepath.Join(t.TempDir(), "audit.log"), Store: store})
	for _, line := range []string{"", "{}", "x", "[1,2,3,4]", "{\"a\":1}\n", "{\"a\":\n1}", "{\"a\":\r1}", `{"a":"` + strings.Repeat("a", audit.MaxLine) + `"}`} {
		if err := l.Append(t.Context(), []byte(line)); err == nil {
			t.Errorf("Append took %.20q", line)
		}
		_, err := store.Update(t.Context(), func(tx kv.Tx) error {
			_, err := l.Stage(tx, []byte(line))
			return err
		})
		if err == nil {
			t.Errorf("Stage took %.20q", line)
		}
	}
	big := []byte(`{"a":"` + strings.Repeat("a", 400<<10) + `"}`)
	_, err := store.Update(t.Context(), func(tx kv.Tx) error {
		_, err := l.Stage(tx, big, big, big)
		return err
	})
	if !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("more than a value holds: %v", err)
	}
}

func TestASecondProcessIsKeptOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	open(t, audit.Options{Path: path})
	if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: testKey}); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("Open = %v", err)
	}
}

func TestClosedLog(t *testing.T) {
	t.Parallel()
	store := memkv.New()
	defer store.Close()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path, Store: store})
	closeLog(t, l)
	closeLog(t, l)
	if err := l.Ready(); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Ready = %v", err)
	}
	if err := l.Append(t.Context(), event(0)); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Append = %v", err)
	}
	commit(t, l, store, event(0)) // a call under way: it stays in the store
	l = open(t, audit.Options{Path: path, Store: store})
	if r := l.Recovery(); r.Replayed != 1 {
		t.Errorf("%+v", r)
	}
	closeLog(t, l)
	once(t, 1, path)
}

func TestARolledBackCallIsNotRecorded(t *testing.T) {
	t.Parallel()
	store := memkv.New()
	defer store.Close()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path, Store: store})
	_, err := store.Update(t.Context(), func(tx kv.Tx) error {
		if _, err := l.Stage(tx, event(7)); err != nil {
			return err
		}
		return errors.New("no")
	})
	if err == nil {
		t.Fatal("the transaction committed")
	}
	closeLog(t, l)
	closeLog(t, open(t, audit.Options{Path: path, Store: store}))
	if got := ids(t, path, audit.ReadOptions{}); len(got) != 0 {
		t.Errorf("recorded: %v", got)
	}
}

func TestStagedCallsAreDeletedFromTheStoreInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memkv.New()
		defer store.Close()
		l := open(t, audit.Options{Path: filepath.Join(t.TempDir(), "audit.log"), Store: store})
		defer l.Close()
		commit(t, l, store, event(0), event(1))
		if n := pending(t, store); n != 1 {
			t.Errorf("before the sync %d are staged", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := pending(t, store); n != 0 {
			t.Errorf("after the sync %d are staged", n)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, interval := range []time.Duration{audit.DefaultSyncInterval, audit.SyncAlways} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("sync=%v/callers=%d", interval, callers), func(b *testing.B) {
				l := open(b, audit.Options{Path: filepath.Join(b.TempDir(), "audit.log"), SyncInterval: interval})
				line := fullEvent().AppendJSON(nil)
				b.ReportAllocs()
				b.ResetTimer()
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if err := l.Ready(); err != nil {
								b.Error(err)
							}
							if err := l.Append(context.Background(), line); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
