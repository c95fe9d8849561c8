// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is the runtime or an extension while it runs.
type process interface {
	// signal tells the process, and all that it started, s. It has no effect on a
	// process that has exited.
	signal(s processSignal) error
	// exited is closed when the process has ended and its output has been read.
	exited() <-chan struct{}
	// exit returns how the process ended, after exited.
	exit() exitStatus
}

// processSignal is what a host tells a process.
type processSignal int

const (
	signalTerminate processSignal = iota
	signalKill
	signalSuspend
	signalResume
)

// exitStatus is how a process ended: by its own code or by a signal's name.
type exitStatus struct {
	code   int
	signal string
}

// runtimeMessage describes the exit as Lambda does a runtime's.
func (s exitStatus) runtimeMessage() string {
	switch {
	case s.signal != "":
		return "Runtime exited with error: signal: " + s.signal
	case s.code != 0:
		return fmt.Sprintf("Runtime exited with error: exit status %d", s.code)
	}
	return "Runtime exited without providing a reason"
}

// extensionMessage describes the exit as Lambda does an extension's.
func (s exitStatus) extensionMessage() string {
	if s.signal != "" {
		return "signal: " + s.signal
	}
	return fmt.Sprintf("exit code %d", s.code)
}

const (
	// maxLine is the most bytes of output that are handed on as one line.
	maxLine = 64 << 10
	// drainTimeout bounds the reading of output after a process has ended, since a
	// child that left its process group may hold the pipe open.
	drainTimeout = time.Second
)

// commandProcess is a command that runs in a process group of its own.
type commandProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

var _ process = (*commandProcess)(nil)

// startCommand runs a command whose output goes to emit by lines.
func startCommand(spec Process, env map[string]string, emit func(line string)) (*commandProcess, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(spec.Command[0], spec.Command[1:]...)
	cmd.Dir, cmd.Env = spec.Dir, pairs(env)
	cmd.Stdout, cmd.Stderr = w, w // one pipe keeps the order of the two
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	w.Close()

	p := &commandProcess{cmd: cmd, done: make(chan struct{})}
	var drained sync.WaitGroup
	drained.Go(func() { readLines(r, emit) })
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // its error says what exit tells
		// What the process started must not outlive it: the group goes too.
		_ = signalGroup(cmd.Process.Pid, signalKill)
		_ = r.SetReadDeadline(time.Now().Add(drainTimeout))
		drained.Wait()
		r.Close()
	}()
	return p, nil
}

func (p *commandProcess) signal(s processSignal) error {
	select {
	case <-p.done:
		return nil
	default:
		return signalGroup(p.cmd.Process.Pid, s)
	}
}

func (p *commandProcess) exited() <-chan struct{} { return p.done }

func (p *commandProcess) exit() exitStatus { return statusOf(p.cmd.ProcessState) }

// readLines hands on the lines of r until it ends or fails.
func readLines(r io.Reader, emit func(line string)) {
	out := &lineWriter{emit: emit}
	defer out.flush()
	_, _ = io.Copy(out, r)
}

// lineWriter cuts what is written into lines of at most maxLine bytes.
type lineWriter struct {
	emit func(line string)

	mu   sync.Mutex
	rest []byte
}

// Write implements io.Writer; it never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found && len(line) < maxLine {
			break
		}
		if len(line) > maxLine {
			line, rest = w.rest[:maxLine], w.rest[maxLine:]
		}
		w.emit(string(bytes.TrimSuffix(line, []byte("\r"))))
		w.rest = rest
	}
	return len(p), nil
}

// flush hands on a last line that has no end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.emit(string(w.rest))
		w.rest = nil
	}
}
