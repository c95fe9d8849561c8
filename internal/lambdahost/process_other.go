// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package lambdahost

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup does nothing: there are no process groups here.
func ownGroup() *syscall.SysProcAttr { return nil }

// signalGroup can only kill, and only the process itself.
func signalGroup(pid int, s processSignal) error {
	if s == signalSuspend || s == signalResume {
		return errors.New("processes can't be frozen on this system")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// statusOf reads how a command ended.
func statusOf(state *os.ProcessState) exitStatus { return exitStatus{code: state.ExitCode()} }
