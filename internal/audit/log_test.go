// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/testneed"
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

// small mounts a file system of the given size.
func small(t *testing.T, size string) string {
	t.Helper()
	testneed.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		testneed.Missing(t, "to mount a small tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room in dir that is left.
func fill(t *testing.T, dir string) (release func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	f.Close()
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskIsFoundBeforeTheCall(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, audit.SyncAlways} {
		synctest.Test(t, func(t *testing.T) {
			dir, store := small(t, "4m"), memkv.New()
			defer store.Close()
			path := filepath.Join(dir, "audit.log")
			l := open(t, audit.Options{Path: path, Store: store, Reserve: 64 << 10, SyncInterval: interval})
			appendEvents(t, l, 0, 10)
			release := fill(t, dir)
			n := 10
			for ; l.Ready() == nil; n++ {
				// Ready was nil: whatever the call is, its record must get through.
				if err := l.Append(t.Context(), event(n)); err != nil {
					t.Fatalf("after Ready: %v", err)
				}
			}
			if err := l.Ready(); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("Ready = %v", err)
			}
			if err := l.Append(t.Context(), event(9999)); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("Append = %v", err)
			}
			commit(t, l, store, event(n)) // a call that was under way: its effect is there, and its record
			n++
			time.Sleep(time.Second)
			if err := l.Ready(); err == nil {
				t.Fatal("ready without room")
			}
			if got := verify(t, path); got.Records != uint64(n-1) {
				t.Errorf("%d calls, and %+v", n-1, got)
			}
			release()
			time.Sleep(time.Second)
			synctest.Wait()
			if err := l.Ready(); err != nil {
				t.Fatalf("with room again: %v", err)
			}
			appendEvents(t, l, n, n+1)
			closeLog(t, l)
			verify(t, path)
			once(t, n+1, path)
		})
	}
}

func TestALogOpensOnAFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, store := small(t, "2m"), memkv.New()
		defer store.Close()
		path := filepath.Join(dir, "audit.log")
		l := open(t, audit.Options{Path: path, Store: store})
		closeLog(t, l)
		commit(t, l, store, event(0))
		release := fill(t, dir)
		l = open(t, audit.Options{Path: path, Store: store})
		if err := l.Ready(); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("Ready = %v", err)
		}
		release()
		time.Sleep(time.Second)
		synctest.Wait()
		if err := l.Ready(); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		once(t, 1, path)
	})
}

func TestContinueModeServesAndCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := small(t, "2m")
		path := filepath.Join(dir, "audit.log")
		release := fill(t, dir)
		os.Remove(filepath.Join(dir, "filler"))
		l := open(t, audit.Options{Path: path, Mode: audit.Continue, Reserve: 16 << 10})
		release = fill(t, dir)
		for range 2000 {
			if err := errors.Join(l.Ready(), l.Append(t.Context(), event(0))); err != nil {
				t.Fatal(err)
			}
		}
		if s := l.Stats(); s.Unrecorded == 0 || s.Fault == nil {
			t.Errorf("%+v", s)
		}
		release()
		closeLog(t, l)
	})
}

func TestRenamedWhileOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path, store := filepath.Join(t.TempDir(), "audit.log"), memkv.New()
		defer store.Close()
		l := open(t, audit.Options{Path: path, Store: store})
		appendEvents(t, l, 0, 3)
		commit(t, l, store, event(3))
		rename(t, path, path+".1")
		if err := l.Ready(); err != nil {
			t.Fatal(err)
		}
		appendEvents(t, l, 4, 5) // within a second: still the old file
		time.Sleep(2 * time.Second)
		appendEvents(t, l, 5, 6)
		if got := ids(t, path, audit.ReadOptions{}); len(got) != 2 || got[0] != audit.NoticeRenamed || got[1] != "event-000005" {
			t.Errorf("the new file: %v", got)
		}
		closeLog(t, l)
		verify(t, path+".1", path)
		once(t, 6, path+".1", path)
		closeLog(t, open(t, audit.Options{Path: path, Store: store}))
	})
}

func TestRenamedWhileClosed(t *testing.T) {
	t.Parallel()
	for _, created := range []bool{false, true} {
		path := newFile(t, 3)
		rename(t, path, path+".1")
		if created {
			write(t, path, nil)
		}
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 3, 4)
		closeLog(t, l)
		verify(t, path+".1", path)
		if got := ids(t, path, audit.ReadOptions{}); len(got) != 2 || got[0] != audit.NoticeRenamed {
			t.Errorf("the new file: %v", got)
		}
	}
}

func TestDeletedWhileOpen(t *testing.T) {
	t.Parallel()
	path, store := filepath.Join(t.TempDir(), "audit.log"), memkv.New()
	defer store.Close()
	l := open(t, audit.Options{Path: path, Store: store})
	appendEvents(t, l, 0, 3)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, l, 3, 4) // at once: what is answered is in a file that is there
	commit(t, l, store, event(4))
	if got := ids(t, path, audit.ReadOptions{}); len(got) < 2 || got[0] != audit.NoticeDeleted || got[1] != "event-000003" {
		t.Errorf("the new file: %v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	closeLog(t, l)
	if b := mustBreak(t, testKey, path); b.Kind != audit.Removed || b.Line != 1 {
		t.Errorf("%v", b)
	}
	if _, err := audit.Verify([]string{path}, audit.VerifyOptions{Key: testKey, Partial: true}); err != nil {
		t.Error(err)
	}
	closeLog(t, open(t, audit.Options{Path: path, Store: store})) // the chain goes on
}

func TestAllFilesDeletedWhileOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 0, 3)
		time.Sleep(2 * time.Second)
		if err := errors.Join(os.Remove(path), os.Remove(path+audit.AnchorSuffix)); err != nil {
			t.Fatal(err)
		}
		appendEvents(t, l, 3, 4)
		if got := ids(t, path, audit.ReadOptions{}); len(got) != 3 || got[2] != "event-000003" {
			t.Errorf("the new file: %v", got)
		}
		if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: testKey}); !errors.Is(err, audit.ErrLocked) {
			t.Errorf("a second Open = %v", err)
		}
		closeLog(t, l)
		closeLog(t, open(t, audit.Options{Path: path}))
		if b := mustBreak(t, testKey, path); b.Kind != audit.Removed || b.Line != 1 {
			t.Errorf("%v", b)
		}
	})
}

func TestDeletedWhileClosed(t *testing.T) {
	t.Parallel()
	path := newFile(t, 3)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l := open(t, audit.Options{Path: path})
	appendEvents(t, l, 3, 4)
	closeLog(t, l)
	if got := ids(t, path, audit.ReadOptions{}); len(got) != 2 || got[0] != audit.NoticeMissing {
		t.Errorf("the new file: %v", got)
	}
	if b := mustBreak(t, testKey, path); b.Kind != audit.Removed {
		t.Errorf("%v", b)
	}
}

func TestCutWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path})
	appendEvents(t, l, 0, 3)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, l, 3, 5)
	closeLog(t, l)
	mustBreak(t, testKey, path)
	if b := read(t, path); !bytes.Contains(b, []byte(audit.NoticeResized)) || !bytes.Contains(b, []byte("event-000004")) {
		t.Errorf("the log: %s", b)
	}
}

func TestOpenRefusesACutOrEditedEnd(t *testing.T) {
	t.Parallel()
	path := newFile(t, 3)
	whole := read(t, path)
	for n := range whole {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: testKey}); !errors.Is(err, audit.ErrTampered) {
			t.Fatalf("cut at byte %d: Open = %v", n, err)
		}
		if len(read(t, path)) != n {
			t.Fatal("a refused log was changed")
		}
		write(t, path, whole)
	}
	write(t, path, bytes.Replace(whole, []byte("event-000002"), []byte("event-000009"), 1))
	if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: testKey}); !errors.Is(err, audit.ErrTampered) {
		t.Errorf("edited: Open = %v", err)
	}
	write(t, path, whole)
	if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: []byte("other")}); !errors.Is(err, audit.ErrTampered) {
		t.Errorf("another key: Open = %v", err)
	}
	// The way out that the package comment tells.
	for _, p := range []string{path, path + audit.AnchorSuffix} {
		if err := os.MkdirAll(filepath.Join(filepath.Dir(path), "evidence"), 0o700); err != nil {
			t.Fatal(err)
		}
		rename(t, p, filepath.Join(filepath.Dir(path), "evidence", filepath.Base(p)))
	}
	l := open(t, audit.Options{Path: path})
	appendEvents(t, l, 0, 1)
	closeLog(t, l)
	verify(t, path)
}

func TestAnUnreachablePathBlocksUntilItIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "logs")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "audit.log")
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 0, 3)
		rename(t, dir, dir+"-gone")
		time.Sleep(2 * time.Second)
		if err := l.Append(t.Context(), event(3)); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("Append = %v", err)
		}
		if err := l.Ready(); err == nil {
			t.Fatal("ready without a file")
		}
		rename(t, dir+"-gone", dir)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := l.Ready(); err != nil {
			t.Fatal(err)
		}
		appendEvents(t, l, 3, 4)
		closeLog(t, l)
		verify(t, path)
		once(t, 4, path)
	})
}

func TestAForeignFileAtThePathBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 0, 1)
		rename(t, path, path+".1")
		write(t, path, []byte("not a log\n"))
		time.Sleep(2 * time.Second)
		if err := l.Append(t.Context(), event(1)); err == nil {
			t.Fatal("appended to a foreign file")
		}
		if got := string(read(t, path)); got != "not a log\n" {
			t.Errorf("the file: %q", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		appendEvents(t, l, 1, 2)
		closeLog(t, l)
		verify(t, path+".1", path)
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
