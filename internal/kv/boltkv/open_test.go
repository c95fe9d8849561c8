// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
)

func TestOpenCreates(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	path := filepath.Join(top, "var", "coffer", "db")
	s := open(t, path, boltkv.Options{})
	for name, want := range map[string]fs.FileMode{
		path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700, filepath.Join(top, "var"): fs.ModeDir | 0o700,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("there is %v in the directory (%v), want the database only", entries, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenAfterUnfinishedCreation finds what a crash leaves while a database is made.
func TestOpenAfterUnfinishedCreation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path+".new", []byte("half a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path, boltkv.Options{})
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}

func TestOpenLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, boltkv.Options{})
	_, err := boltkv.Open(path, boltkv.Options{LockWait: time.Millisecond})
	if !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open of an open file = %v, want %v with its name", err, kv.ErrLocked)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, boltkv.Options{LockWait: time.Millisecond})
}

// TestOpenWaits opens a file that its user is about to let go of.
func TestOpenWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, boltkv.Options{})
	opened := make(chan error, 1)
	go func() {
		again, err := boltkv.Open(path, boltkv.Options{LockWait: time.Minute})
		if err == nil {
			err = again.Close()
		}
		opened <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// TestOpenTogether creates one database from several sides: one wins, or all one after
// another, and none makes another's database vanish.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	const openers = 6
	results := make(chan error, openers)
	for i := range openers {
		go func() {
			s, err := boltkv.Open(path, boltkv.Options{LockWait: time.Minute})
			if errors.Is(err, kv.ErrLocked) {
				results <- nil
				return
			}
			if err == nil {
				_, err = s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(fmt.Sprint("opener", i), nil) })
				err = errors.Join(err, s.Close())
			}
			if err != nil {
				err = fmt.Errorf("opener %d: %w", i, err)
			}
			results <- err
		}()
	}
	for range openers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	all, rev := contents(t, open(t, path, boltkv.Options{}))
	if len(all) == 0 || int(rev) != len(all) {
		t.Errorf("it holds %v at revision %d", all, rev)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a directory":      dir,
		"below a file":     filepath.Join(file, "db"),
		"far below a file": filepath.Join(file, "x", "db"),
	} {
		if s, err := boltkv.Open(path, boltkv.Options{}); err == nil || s != nil {
			t.Errorf("%s: Open = %v, %v; want an error", name, s, err)
		} else if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
}
