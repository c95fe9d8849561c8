// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// mountMemory mounts a file system in memory of that many MiB.
func mountMemory(t *testing.T, dir string, mib int) {
	t.Helper()
	testneed.Root(t)
	if err := syscall.Mount("coffer-test", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		testneed.Missing(t, fmt.Sprintf("to mount a file system (%v)", err))
	}
	// Detached, so that a server which still has it open goes on for its last moments.
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}
