// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package extension

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs another program in the place of this one, as far as that can be done here:
// it has its input and output, and its exit status is returned.
func become(path string, args, env []string) (int, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt) // which the console sends to both
	defer signal.Stop(interrupts)
	cmd := &exec.Cmd{Path: path, Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}
