// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package memkv_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/kvtest"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, kvtest.Engine{Open: func(testing.TB) kv.Store { return memkv.New() }})
}
