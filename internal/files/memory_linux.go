// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files

import "golang.org/x/sys/unix"

// inMemory reports whether a directory's file system is kept in memory. One that is not
// there is not complained of: writing to it fails.
func inMemory(dir string) bool {
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil {
		return true
	}
	return at.Type == unix.TMPFS_MAGIC || at.Type == unix.RAMFS_MAGIC
}
