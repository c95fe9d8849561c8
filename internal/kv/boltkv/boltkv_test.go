// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/kv/kvtest"
)

// childVariable names the environment variable by which a test starts this program again
// as another process, to be killed or traced: the name of one of children.
const childVariable = "COFFER_BOLTKV_CHILD"

// children are given the path of a database.
func children() map[string]func(path string) error {
	return map[string]func(string) error{
		"write": writeForever, "fail": meetFault, "fail-growing": meetFaultGrowing, "record": writeRecorded,
	}
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		if err := children()[name](os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child returns the command that runs a child, under another program if wrap is not empty.
func child(tb testing.TB, name, path string, wrap ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	args := append(wrap, self, path)
	cmd := exec.CommandContext(tb.Context(), args[0], args[1:]...)
	// The race detector lets a process sleep for a second before it ends.
	cmd.Env = append(os.Environ(), childVariable+"="+name, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// open opens the database at path, for the test to close.
func open(tb testing.TB, path string, opts boltkv.Options) *boltkv.Store {
	tb.Helper()
	s, err := boltkv.Open(path, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	var paths sync.Map // :: *boltkv.Store -> its path
	kvtest.Run(t, kvtest.Engine{
		Open: func(tb testing.TB) kv.Store {
			path := filepath.Join(tb.TempDir(), "db")
			s := open(tb, path, boltkv.Options{})
			paths.Store(kv.Store(s), path)
			return s
		},
		Reopen: func(s kv.Store) (kv.Store, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			path, _ := paths.Load(s)
			again, err := boltkv.Open(path.(string), boltkv.Options{})
			if err != nil {
				return nil, err
			}
			paths.Store(kv.Store(again), path)
			return again, nil
		},
	})
}
