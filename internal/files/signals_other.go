// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package files

import (
	"os"
	"syscall"
)

// signals are what a process can be sent, which is nothing where there are no signals.
var signals map[string]syscall.Signal

func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
