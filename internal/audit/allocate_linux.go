// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import "golang.org/x/sys/unix"

// allocate reserves blocks beyond a file's end without changing its size. The error is
// errors.ErrUnsupported where the file system cannot.
func allocate(fd int, offset, n int64) error {
	for {
		if err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, offset, n); err != unix.EINTR {
			return err
		}
	}
}
