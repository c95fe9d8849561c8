// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// Program is a function or an extension as a Go function in place of a command.
//
// When it returns, its process has exited: with status 0, or with 1 after an error,
// which is written to its output. p.Term is its SIGTERM. The end of ctx is its
// SIGKILL: it must return at once, and must have ended what it started.
type Program func(ctx context.Context, p *Proc) error

// Proc is what a Program knows of the process that it is.
type Proc struct {
	// Name is the extension's name, or "function".
	Name string
	// Env is the whole environment; the Program owns it.
	Env map[string]string
	// Clock is the environment's wall clock.
	Clock Clock
	// Client reaches the host at AWS_LAMBDA_RUNTIME_API, also where that is no
	// network address. Its connections are closed after the Program.
	Client *http.Client
	// Output is standard output and standard error.
	Output io.Writer
	// Term is closed when the process is asked to end.
	Term <-chan struct{}
}

// url returns the address of a path of the host.
func (p *Proc) url(path string) string { return "http://" + p.Env[envRuntimeAPI] + path }

// RunMain runs a Program as this process's own and returns its exit status, for the
// main function of a command that a host starts.
func RunMain(program Program) int {
	term, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := program(context.Background(), &Proc{
		Name:   "main",
		Env:    unpairs(os.Environ()),
		Clock:  new(WallClock),
		Client: &http.Client{Transport: &http.Transport{}},
		Output: os.Stderr,
		Term:   term.Done(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// programProcess is a Program that runs.
type programProcess struct {
	kill context.CancelFunc
	term context.CancelFunc
	done chan struct{}
	err  error // valid when done is closed
}

var _ process = (*programProcess)(nil)

// startProgram runs program until it returns.
func (h *Host) startProgram(program Program, name string, env map[string]string) *programProcess {
	life, kill := context.WithCancel(context.Background())
	term, terminate := context.WithCancel(context.Background())
	p := &programProcess{kill: kill, term: terminate, done: make(chan struct{})}

	transport := h.transport()
	out := &lineWriter{emit: func(line string) { h.cfg.Output(name, line) }}
	proc := &Proc{
		Name: name, Env: env, Clock: h.cfg.Clock, Client: &http.Client{Transport: transport},
		Output: out, Term: term.Done(),
	}
	go func() {
		defer close(p.done)
		if p.err = program(life, proc); p.err != nil {
			fmt.Fprintln(out, p.err)
		}
		out.flush()
		kill()
		terminate()
		transport.CloseIdleConnections()
	}()
	return p
}

func (p *programProcess) signal(s processSignal) error {
	switch s {
	case signalTerminate:
		p.term()
	case signalKill:
		p.kill()
	case signalSuspend, signalResume: // a goroutine can't be stopped; see WallClock
	}
	return nil
}

func (p *programProcess) exited() <-chan struct{} { return p.done }

func (p *programProcess) exit() exitStatus {
	if p.err != nil {
		return exitStatus{code: 1}
	}
	return exitStatus{}
}
