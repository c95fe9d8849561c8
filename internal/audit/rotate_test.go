// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

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

func TestACommittedCallsRecordOutlivesItsFile(t *testing.T) {
	t.Parallel()
	path, store := filepath.Join(t.TempDir(), "audit.log"), memkv.New()
	defer store.Close()
	l := open(t, audit.Options{Path: path, Store: store, SyncInterval: time.Hour})
	commit(t, l, store, event(0))
	appendEvents(t, l, 1, 2) // behind it
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, l, 2, 3)
	closeLog(t, l)
	got := strings.Join(ids(t, path, audit.ReadOptions{}), " ")
	if want := audit.NoticeDeleted + " event-000000 event-000002"; got != want {
		t.Errorf("the new file: %s, want %s", got, want)
	}
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
