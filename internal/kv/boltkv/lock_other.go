// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package boltkv

import (
	"os"
	"time"
)

// lock leaves the locking to bbolt on systems without flock.
func lock(*os.File, time.Duration) error { return nil }
