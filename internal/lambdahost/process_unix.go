// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package lambdahost

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup makes a command the leader of a new process group, so that a signal
// reaches whatever it starts.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup signals the process group of pid. A group that is gone is no error.
func signalGroup(pid int, s processSignal) error {
	signals := map[processSignal]syscall.Signal{
		signalTerminate: syscall.SIGTERM,
		signalKill:      syscall.SIGKILL,
		signalSuspend:   syscall.SIGSTOP,
		signalResume:    syscall.SIGCONT,
	}
	if err := syscall.Kill(-pid, signals[s]); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// statusOf reads how a command ended.
func statusOf(state *os.ProcessState) exitStatus {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitStatus{signal: ws.Signal().String()}
	}
	return exitStatus{code: state.ExitCode()}
}
