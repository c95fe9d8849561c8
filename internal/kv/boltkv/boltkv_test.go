// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/kv/kvtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
