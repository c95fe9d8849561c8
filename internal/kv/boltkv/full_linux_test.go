// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// smallDisk mounts a file system of 4 MiB in memory and returns its directory.
func smallDisk(t *testing.T) string {
	t.Helper()
	testneed.Root(t)
	dir := t.TempDir()
	if err := syscall.Mount("coffer", dir, "tmpfs", 0, "size=4m"); err != nil {
		testneed.Missing(t, "to mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk fills the disk under a store, from outside and by its own writes: Updates
// answer ErrFull and have no effect, Views go on, and with room again so do Updates, all
// without a restart.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path, ballast := filepath.Join(dir, "db"), filepath.Join(dir, "ballast")
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, size int) error {
		_, err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(key, make([]byte, size)) })
		return err
	}
	for round := range 5 {
		if err := put(fmt.Sprint("kept", round), 50_000); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		fillDisk(t, ballast)
		before, rev := contents(t, s)
		for i := range 10 {
			if err := put(fmt.Sprint("dropped", i), 300_000); !errors.Is(err, kv.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("round %d: Update on a full disk = %v, want %v", round, err, kv.ErrFull)
			}
		}
		after, revAfter := contents(t, s)
		if len(after) != len(before) || rev != revAfter {
			t.Errorf("round %d: a refused Update led from %d keys at %d to %d at %d", round, len(before), rev, len(after), revAfter)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("after", 300_000); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := boltkv.CheckBolt(path); err != nil {
		t.Error(err)
	}
	s = open(t, path, boltkv.Options{})
	if all, _ := contents(t, s); len(all) != 6 {
		t.Errorf("it holds %d keys when opened again, want 6", len(all))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// fillDisk writes a file as large as there is room.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
