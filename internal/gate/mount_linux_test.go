// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"syscall"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// mountMemory mounts a small file system in memory at dir for the time of the test.
func mountMemory(t *testing.T, dir string) {
	t.Helper()
	testneed.Root(t)
	if err := syscall.Mount("coffer-test", dir, "tmpfs", 0, "size=4m"); err != nil {
		testneed.Missing(t, "to mount a file system: "+err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
}
