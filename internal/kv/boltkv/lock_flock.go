// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package boltkv

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// lockPoll is the time between two attempts to get the lock.
const lockPoll = 10 * time.Millisecond

// lock locks file for this process as bbolt does, which finds the lock its own when it
// comes for it later: the file must be ours before it is checked.
func lock(file *os.File, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(deadline) {
			return kv.ErrLocked
		}
		time.Sleep(lockPoll)
	}
}
