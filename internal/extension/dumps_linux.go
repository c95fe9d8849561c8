// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import "golang.org/x/sys/unix"

// keepOutOfDumps keeps plaintext out of core files, and other processes of the user from
// reading our memory. Where the kernel refuses, there is nothing else to do.
func keepOutOfDumps() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	hideMemory()
}

// hideMemory does the same until the process becomes another one, which has a limit of its
// own for core files.
func hideMemory() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
