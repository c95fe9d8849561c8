// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// faultUpdates is how many Updates a process makes that is to meet a fault.
const faultUpdates = 3

// meetFault is meetFaultWith of values small enough to be quick.
func meetFault(path string) error { return meetFaultWith(path, 300_000, 1) }

// meetFaultGrowing is meetFaultWith of values that let the file grow, by bbolt's 16 MiB.
func meetFaultGrowing(path string) error { return meetFaultWith(path, kv.MaxValue, 8) }

// meetFaultWith makes Updates, of so many values of that size, one of whose system calls fails, and returns what is wrong with
// the store's behaviour. It prints in which way it failed.
func meetFaultWith(path string, size, count int) error {
	// A tracer counts the calls by thread, and all must come from this one.
	runtime.LockOSThread()
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		fmt.Println("open")
		return nil
	}
	defer s.Close()
	f := faulty{Store: s, value: make([]byte, size), count: count, state: make(map[string]string)}
	for i := range faultUpdates {
		err := f.grow(i)
		if err == nil {
			continue
		}
		switch {
		case errors.Is(err, kv.ErrFull) && errors.Is(err, syscall.ENOSPC),
			errors.Is(err, kv.ErrFull) && strings.Contains(err.Error(), "file resize"):
			fmt.Println("full")
		case errors.Is(err, kv.ErrReadOnly) && strings.Contains(err.Error(), path):
			fmt.Println("readonly")
		default:
			return fmt.Errorf("update %d failed with %w", i, err)
		}
		return f.afterFault(errors.Is(err, kv.ErrFull))
	}
	fmt.Println("none")
	return nil
}

// faulty is a store that meets a fault.
type faulty struct {
	*boltkv.Store
	value []byte
	count int
	state map[string]string // what it must hold
	rev   kv.Rev
}

// grow makes the nth Update.
func (f *faulty) grow(n int) error {
	next := maps.Clone(f.state)
	rev, err := f.Update(context.Background(), func(tx kv.Tx) error {
		for i := range f.count {
			key := fmt.Sprint("n", n, "/", i)
			next[key] = string(f.value)
			if err := tx.Put(key, f.value); err != nil {
				return err
			}
		}
		next["last"] = fmt.Sprint(n)
		return tx.Put("last", fmt.Append(nil, n))
	})
	if err == nil {
		f.state, f.rev = next, rev
	}
	return err
}

// afterFault holds that nothing of the failed Update is seen, and that writing goes on
// exactly if nothing is in doubt.
func (f *faulty) afterFault(full bool) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	err := f.grow(faultUpdates)
	if full && err != nil {
		return fmt.Errorf("with room again, Update = %w", err)
	}
	if !full && !errors.Is(err, kv.ErrReadOnly) {
		return fmt.Errorf("after a fault, Update = %w, want %w", err, kv.ErrReadOnly)
	}
	if f.Writable() != full {
		return fmt.Errorf("after a fault, Writable = %v", f.Writable())
	}
	return f.unchanged()
}

// unchanged holds that the store is in the state of the last Update that returned.
func (f *faulty) unchanged() error {
	found := make(map[string]string)
	rev, err := f.View(context.Background(), func(r kv.Reader) error {
		for p, err := range r.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			found[p.Key] = string(p.Value)
		}
		return nil
	})
	if err != nil || rev != f.rev || !maps.Equal(found, f.state) {
		return fmt.Errorf("%d keys at revision %d (%w), want %d at %d", len(found), rev, err, len(f.state), f.rev)
	}
	return nil
}

// TestFaults lets each single system call of a kind fail, one a process, from the
// creation of the database on.
func TestFaults(t *testing.T) {
	t.Parallel()
	strace := testneed.Program(t, "strace")
	for _, fault := range []struct {
		call, errno, child string
		want               string // what Updates answer
	}{
		{"fdatasync", "EIO", "fail", "readonly"},
		{"fdatasync", "ENOSPC", "fail", "readonly"},
		{"pwrite64", "EIO", "fail", "readonly"},
		{"pwrite64", "ENOSPC", "fail", "full"},
		{"ftruncate", "EIO", "fail-growing", "readonly"},
		{"ftruncate", "ENOSPC", "fail-growing", "full"},
		{"fsync", "EIO", "fail-growing", "readonly"},
	} {
		t.Run(fault.call+" "+fault.errno, func(t *testing.T) {
			t.Parallel()
			seen := make(map[string]int)
			for n := 1; ; n++ {
				path := filepath.Join(t.TempDir(), "db")
				out, err := child(t, fault.child, path, strace, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace="+fault.call,
					"-e", fmt.Sprintf("inject=%s:error=%s:when=%d", fault.call, fault.errno, n)).Output()
				if err != nil {
					t.Fatalf("call %d: %v", n, err)
				}
				outcome := strings.TrimSpace(string(out))
				seen[outcome]++
				// The file opens, whatever had been written of it.
				if err := open(t, path, boltkv.Options{}).Close(); err != nil {
					t.Errorf("call %d: %v", n, err)
				}
				if outcome == "none" {
					break
				}
				if outcome != "open" && outcome != fault.want {
					t.Errorf("call %d: %s, want %s", n, outcome, fault.want)
				}
			}
			if seen["open"] == 0 || seen[fault.want] == 0 {
				t.Errorf("the faults met were %v", seen)
			}
			t.Log(seen)
		})
	}
}
