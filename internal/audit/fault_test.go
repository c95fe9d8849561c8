// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

const memPath = "/mem/audit.log"

var memKey = []byte("key")

func testEvent(id string) []byte {
	e := Event{EventName: "Test", EventID: id}
	return e.AppendJSON(nil)
}

func openMem(t testing.TB, d *memDisk, store kv.Store, interval time.Duration) (*Log, error) {
	t.Helper()
	return Open(context.Background(), Options{Path: memPath, AnchorKey: memKey, Store: store, SyncInterval: interval, files: d})
}

func mustOpenMem(t testing.TB, d *memDisk, store kv.Store, interval time.Duration) *Log {
	t.Helper()
	l, err := openMem(t, d, store, interval)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// stage commits one call of two records beside an effect; it reports whether it committed.
func stage(l *Log, store kv.Store, id string) bool {
	var s Staged
	_, err := store.Update(context.Background(), func(tx kv.Tx) (err error) {
		s, err = l.Stage(tx, testEvent(id+"a"), testEvent(id+"b"))
		return errors.Join(err, tx.Put("effect/"+id, nil))
	})
	if err == nil {
		l.Committed(s)
	}
	return err == nil
}

func TestAFailedSyncIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]bool{"the data is still cached": false, "the data is lost": true} {
		synctest.Test(t, func(t *testing.T) {
			d, store := newMemDisk(), memkv.New()
			defer store.Close()
			l := mustOpenMem(t, d, store, DefaultSyncInterval)
			if err := l.Append(t.Context(), testEvent("before")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // synced
			failed := false
			d.mu.Lock()
			d.fault = func(op, path string) error {
				if op == "sync" && path == memPath && !failed {
					failed = true
					if n := d.nodes[path]; lose {
						clear(n.data[len(n.synced):])
					}
					return syscall.EIO
				}
				if op == "open" {
					return syscall.EIO // the disk stays away
				}
				return nil
			}
			d.mu.Unlock()
			stage(l, store, "write")
			time.Sleep(time.Second)
			if err := l.Ready(); !errors.Is(err, syscall.EIO) {
				t.Fatalf("%s: Ready = %v", name, err)
			}
			if err := l.Append(t.Context(), testEvent("refused")); !errors.Is(err, syscall.EIO) {
				t.Fatalf("%s: Append = %v", name, err)
			}
			d.mu.Lock()
			d.fault = nil
			d.mu.Unlock()
			time.Sleep(time.Second)
			synctest.Wait()
			if err := errors.Join(l.Ready(), l.Append(t.Context(), testEvent("after")), l.Close()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			d.restart(func(string, int) int { return 0 })
			n := counts(t, d)
			for _, id := range []string{"before", "writea", "writeb", "after"} {
				if n[id] != 1 {
					t.Errorf("%s: %s is there %d times", name, id, n[id])
				}
			}
		})
	}
}

func TestAFailedSyncIsNotTakenForGoodAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := newMemDisk(), memkv.New()
		defer store.Close()
		l := mustOpenMem(t, d, store, DefaultSyncInterval)
		failed := false
		d.mu.Lock()
		d.fault = func(op, path string) error {
			if op == "open" || op == "sync" && path == memPath && !failed {
				failed = true
				return syscall.EIO
			}
			return nil
		}
		d.mu.Unlock()
		stage(l, store, "write")
		time.Sleep(time.Second)
		if err := l.Close(); err == nil {
			t.Error("closed without an error")
		}
		d.restart(func(string, int) int { return 0 })
		l = mustOpenMem(t, d, store, SyncAlways)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n := counts(t, d); n["writea"] != 1 || n["writeb"] != 1 {
			t.Errorf("%v", n)
		}
	})
}

func TestAFailedWriteRefusesTheCallAndLeavesNoTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := newMemDisk(), memkv.New()
		defer store.Close()
		l := mustOpenMem(t, d, store, SyncAlways)
		if err := l.Append(t.Context(), testEvent("before")); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.torn = 50 // bytes that get through
		d.fault = func(op, path string) error {
			if op == "write" {
				return syscall.EIO
			}
			return nil
		}
		d.mu.Unlock()
		size := len(d.nodes[memPath].data)
		if err := l.Append(t.Context(), testEvent("refused")); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Append = %v", err)
		}
		if n := len(d.nodes[memPath].data); n != size {
			t.Errorf("the failed write left %d bytes", n-size)
		}
		stage(l, store, "write")
		d.mu.Lock()
		d.fault = nil
		d.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if err := errors.Join(l.Ready(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if n := counts(t, d); n["before"] != 1 || n["refused"] != 0 || n["writea"] != 1 || n["writeb"] != 1 {
			t.Errorf("%v", n)
		}
	})
}

func TestAClosedDescriptorIsReopened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), testEvent("before")); err != nil {
			t.Fatal(err)
		}
		l.journal.file.Close()
		if err := l.Append(t.Context(), testEvent("refused")); err == nil || l.Ready() == nil {
			t.Fatal("written to a closed file")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := errors.Join(l.Ready(), l.Append(t.Context(), testEvent("after")), l.Close()); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify([]string{path}, VerifyOptions{}); err != nil || r.Records != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestAClosedAnchorIsReopened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l, err := Open(t.Context(), Options{Path: path, AnchorKey: memKey})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), testEvent("before")); err != nil {
			t.Fatal(err)
		}
		l.journal.anchor.Close()
		time.Sleep(150 * time.Millisecond) // the sync fails
		if l.Ready() == nil {
			t.Error("ready without an anchor")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := errors.Join(l.Ready(), l.Append(t.Context(), testEvent("after")), l.Close()); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify([]string{path}, VerifyOptions{Key: memKey}); err != nil || r.Records != 2 || !r.MACChecked {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestACallCutInHalfIsCompleted has a failed sync lose the second of a call's two records.
func TestACallCutInHalfIsCompleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := newMemDisk(), memkv.New()
		defer store.Close()
		l := mustOpenMem(t, d, store, DefaultSyncInterval)
		failed := false
		d.mu.Lock()
		d.fault = func(op, path string) error {
			if op == "sync" && path == memPath && !failed {
				failed = true
				n := d.nodes[path]
				clear(n.data[len(n.data)-20:])
				return syscall.EIO
			}
			return nil
		}
		d.mu.Unlock()
		stage(l, store, "write")
		time.Sleep(time.Second)
		synctest.Wait()
		if err := errors.Join(l.Ready(), l.Close()); err != nil || !failed {
			t.Fatal(err)
		}
		if n := counts(t, d); n["writea"] != 1 || n["writeb"] != 1 {
			t.Errorf("%v", n)
		}
	})
}

// TestRenamedAfterACrash has lines beyond the anchor in a file that was then rotated.
func TestRenamedAfterACrash(t *testing.T) {
	t.Parallel()
	d, mem := newMemDisk(), memkv.New()
	defer mem.Close()
	store := &mortal{Store: mem}
	l := mustOpenMem(t, d, store, time.Hour)
	stage(l, store, "write")
	if err := l.Append(t.Context(), testEvent("read")); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.crashed = true
	d.mu.Unlock()
	store.dead.Store(true)
	l.Close()
	d.restart(nil)
	d.nodes[memPath+".1"] = d.nodes[memPath]
	delete(d.nodes, memPath)
	l = mustOpenMem(t, d, mem, SyncAlways)
	if r := l.Recovery(); r.Replayed != 0 {
		t.Errorf("%+v", r)
	}
	if err := errors.Join(l.Append(t.Context(), testEvent("after")), l.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d.save(t, dir)
	path := filepath.Join(dir, filepath.Base(memPath))
	if r, err := Verify([]string{path + ".1", path}, VerifyOptions{Key: memKey}); err != nil || r.Records != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestASlowDiskHoldsCallersNoLongerThanTheyWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := newMemDisk(), memkv.New()
		defer store.Close()
		l, err := Open(t.Context(), Options{Path: memPath, AnchorKey: memKey, Store: store, MaxBacklog: 4 << 10, files: d})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		d.gate = func(op, _ string) {
			if op == "write" {
				<-release
			}
		}
		var backlog, waited atomic.Int64
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				switch err := l.Append(ctx, testEvent(fmt.Sprint(n))); {
				case errors.Is(err, ErrBacklog):
					backlog.Add(1)
				case errors.Is(err, context.DeadlineExceeded):
					waited.Add(1)
				default:
					t.Errorf("Append = %v", err)
				}
			})
		}
		wg.Wait() // by the bubble's clock exactly a second later, with the disk still stuck
		if waited.Load() == 0 || backlog.Load() == 0 || l.queue.size.Load() > 4<<10 {
			t.Errorf("%d waited, %d were refused, %d bytes wait", waited.Load(), backlog.Load(), l.queue.size.Load())
		}
		for n := range 10 { // calls under way commit: beyond the bound they wait in the store
			stage(l, store, strings.Repeat(fmt.Sprint(n), 1000))
		}
		if err := l.Ready(); !errors.Is(err, ErrBacklog) {
			t.Errorf("Ready = %v", err)
		}
		if s := l.Stats(); s.Deferred == 0 || s.Backlog > 8<<10 {
			t.Errorf("%+v", s)
		}
		deferred := int(l.Stats().Deferred)
		close(release)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := errors.Join(l.Ready(), l.Close()); err != nil {
			t.Fatal(err)
		}
		l = mustOpenMem(t, d, store, SyncAlways)
		if got := l.Recovery().Replayed; got != 2*deferred {
			t.Errorf("%d of %d deferred calls' records were recorded", got, deferred)
		}
		l.Close()
	})
}

func TestReplayOfMuchBeyondOneTransaction(t *testing.T) {
	t.Parallel()
	d, store := newMemDisk(), memkv.New()
	defer store.Close()
	l := mustOpenMem(t, d, store, SyncAlways)
	l.queue.close() // as if the process were killed before it could write
	for n := range 3*replayChunk + 7 {
		stage(l, store, fmt.Sprintf("write%04d", n))
	}
	l.queue.closed.Store(false)
	l.Close()
	l = mustOpenMem(t, d, store, SyncAlways)
	if got := l.Recovery().Replayed; got != 2*(3*replayChunk+7) {
		t.Errorf("%d records", got)
	}
	l.Close()
	for id, n := range counts(t, d) {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

// TestReplayLooksFarEnoughBack has a call's records far from the log's end, and still in
// the store.
func TestReplayLooksFarEnoughBack(t *testing.T) {
	t.Parallel()
	d, mem := newMemDisk(), memkv.New()
	defer mem.Close()
	store := &mortal{Store: mem}
	l := mustOpenMem(t, d, store, SyncAlways)
	filler := func() {
		for range 2000 {
			if err := l.Append(t.Context(), testEvent("filler")); err != nil {
				t.Fatal(err)
			}
		}
	}
	filler()
	stage(l, store, "write")
	store.dead.Store(true)
	filler()
	l.Close()
	l = mustOpenMem(t, d, mem, SyncAlways)
	if r := l.Recovery(); r.Replayed != 0 {
		t.Errorf("%+v", r)
	}
	l.Close()
	if n := counts(t, d); n["writea"] != 1 || n["writeb"] != 1 {
		t.Errorf("%d and %d times", n["writea"], n["writeb"])
	}
}

func TestSeekFindsTheSequence(t *testing.T) {
	t.Parallel()
	f := &memFile{d: newMemDisk(), n: &memNode{}, log: true}
	var h head
	var starts []int64
	for n := range 3000 {
		starts = append(starts, int64(len(f.n.data)))
		f.n.data = h.appendLine(f.n.data, testEvent(strings.Repeat("x", n%900)))
	}
	for _, sequence := range []uint64{1, 2, 700, 1500, 2999, 3000, 3001, 1 << 40} {
		at := seek(f, int64(len(f.n.data)), sequence)
		want := starts[min(sequence, 3000)-1]
		if at > want || want-at > 64<<10+2000 {
			t.Errorf("record %d at byte %d: seek says %d", sequence, want, at)
		}
	}
}
