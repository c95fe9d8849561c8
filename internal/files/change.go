// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// commandTimeout bounds how long a command may run.
	commandTimeout = 30 * time.Second
	// maxPID bounds a file with a process id in bytes.
	maxPID = 32
)

// withheld is how the names of variables begin that a command does not get: they may hold
// credentials of ours.
var withheld = []string{"AWS_", "COFFER_", "VAULT_", "DOPPLER_"}

// Command is what is to happen after a change: a program, or a signal to a process.
type Command struct {
	text    string
	args    []string // of the program
	env     []string
	timeout time.Duration
	signal  syscall.Signal
	pidFile string // the process to signal, if not empty
}

// ParseCommand reads "signal:HUP /run/app.pid", or a program with its arguments, which are
// split at spaces: no shell is involved. The program gets the environment that is given,
// without credentials, and neither input nor output.
func ParseCommand(text string, env []string) (*Command, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, nil
	}
	name, ok := strings.CutPrefix(words[0], "signal:")
	if !ok {
		env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
			return slices.ContainsFunc(withheld, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
		})
		return &Command{text: text, args: words, env: env, timeout: commandTimeout}, nil
	}
	signal := signals[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	if signal == 0 {
		return nil, errors.New("the signal is none of HUP, INT, QUIT, TERM, USR1, USR2, WINCH")
	}
	if len(words) != 2 || !filepath.IsAbs(words[1]) {
		return nil, errors.New("a signal is followed by the file with the process id, as in signal:HUP /run/app.pid")
	}
	return &Command{text: text, signal: signal, pidFile: words[1]}, nil
}

// String is what ParseCommand read.
func (c *Command) String() string { return c.text }

// run does it, and waits until it is done.
func (c *Command) run(ctx context.Context) error {
	if c.pidFile != "" {
		return c.send()
	}
	path, err := exec.LookPath(c.args[0])
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(path, c.args, &os.ProcAttr{Env: c.env, Files: []*os.File{null, null, null}, Sys: ownGroup()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { killGroup(p) })()
	state, err := p.Wait()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("it was ended: %w", ctx.Err())
	case !state.Success():
		return errors.New(state.String())
	}
	return nil
}

// send signals the process.
func (c *Command) send() error {
	f, err := os.Open(c.pidFile)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPID))
	if err != nil {
		return err
	}
	// Zero and less would be groups of processes.
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return fmt.Errorf("%s has no process id", c.pidFile)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }()
	if err := p.Signal(c.signal); err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	return nil
}
