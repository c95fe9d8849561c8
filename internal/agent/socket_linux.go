// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net"
	"syscall"
)

// userOf returns the id of the user at the other end.
func userOf(c *net.UnixConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return noUser
	}
	user := noUser
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			user = int(cred.Uid)
		}
	})
	return user
}

// setMode sets the mode of a socket that has no name yet.
func setMode(fd uintptr, mode uint32) error { return syscall.Fchmod(int(fd), mode) }
