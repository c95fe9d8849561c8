// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

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
		l := open(t, audit.Options{Path: path, Mode: audit.Continue, Reserve: 16 << 10})
		release := fill(t, dir)
		for range 2000 {
			if err := errors.Join(l.Ready(), l.Append(t.Context(), event(0))); err != nil {
				t.Fatal(err)
			}
		}
		if s := l.Stats(); s.Unrecorded == 0 || s.Unrecorded+int64(s.Sequence) != 2000 || s.Fault == nil {
			t.Errorf("%+v", s)
		}
		release()
		closeLog(t, l)
	})
}
