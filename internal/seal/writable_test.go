// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"path/filepath"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

// telling is a store that can say that it takes no writes.
type telling struct {
	kv.Store
	writable bool
}

func (f telling) Writable() bool { return f.writable }

func TestWritableIsThatOfTheStoreBelow(t *testing.T) {
	t.Parallel()
	for want, below := range map[bool][]kv.Store{
		true:  {memkv.New(), telling{memkv.New(), true}},
		false: {telling{memkv.New(), false}},
	} {
		for _, store := range below {
			s, err := seal.Open(t.Context(), store, seal.FileRoot(filepath.Join(t.TempDir(), "root.key")), seal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Writable() != want {
				t.Errorf("over %T: %v", store, !want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
