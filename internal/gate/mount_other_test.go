// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package gate_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

func mountMemory(t *testing.T, _ string) {
	t.Helper()
	testneed.Missing(t, "Linux, to mount a file system in memory")
}
