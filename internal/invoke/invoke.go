// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package invoke runs a function of somebody's on this machine as Lambda would run it with
// Coffer's extension: for trying out, and for finding out why.
//
//	function --> tap --> extension --> a source: AWS, a Coffer server, or one in this process
//	    \___________________________/
//	      a local Lambda host (internal/lambdahost)
//
// The tap stands where the function looks for the extension, passes on what it is asked,
// and notes what was answered: never a value, only the request's line, the status, and the
// headers that tell how the answer came about.
package invoke

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
)

// NoExtension, for Options.Extension, runs the function without one.
const NoExtension = "none"

// Options say what to run. Function is required.
type Options struct {
	// Function is the code.
	Function runtimes.Function
	// Extension is the program to run as the extension. Empty means coffer-extension
	// beside this program or on PATH, or else built from source.
	Extension string
	// Port is where the function finds the extension on 127.0.0.1. Zero means what the
	// environment's PARAMETERS_SECRETS_EXTENSION_HTTP_PORT says, or 2773, or if that is
	// taken any that is free.
	Port int
	// Env are the function's environment variables.
	Env map[string]string
	// Timeout and MemoryMB are the function's; zero means Lambda's defaults.
	Timeout  time.Duration
	MemoryMB int
	// InitializationType is how Lambda would initialize the environment; on demand if empty.
	InitializationType lambdahost.InitializationType
	// Endpoint is where secrets come from. Empty means what the environment says.
	Endpoint string
	// Dev starts a server in this process to be the source.
	Dev *Dev
	// Getenv reads the environment of the caller, whose settings of region, endpoints and
	// credentials the function gets unless there is a Dev. Nil means os.Getenv.
	Getenv func(string) string
	// Output takes the lines that function and extension print, and from the source
	// "coffer" what this package has to say. Calls do not overlap. Nil discards.
	Output func(source, line string)
}

// managedConcurrency is how many invocations a managed instance is told to be ready for.
const managedConcurrency = 2

// Session is a function that is ready to be invoked. Its methods must not be called
// concurrently.
type Session struct {
	host    *lambdahost.Host
	tap     *tap // nil without an extension
	memory  int
	closers []func() error
}

// Open prepares the function, and starts what it stands on. Its environment starts with the
// first invocation, as on a cold start.
func Open(ctx context.Context, o Options) (s *Session, err error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	o.Output = oneAtATime(o.Output)
	s = &Session{memory: cmp.Or(o.MemoryMB, 128)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	work, err := os.MkdirTemp("", "coffer-invoke-")
	if err != nil {
		return s, err
	}
	s.onClose(func() error { return os.RemoveAll(work) })
	function, err := o.Function.Prepare(ctx, work)
	if err != nil {
		return s, err
	}
	from, err := o.surroundings(ctx, s, work)
	if err != nil {
		return s, err
	}
	cfg := lambdahost.Config{
		Function: function.Process, Handler: function.Handler, FunctionName: name(o.Function.Path),
		Region: from.region, Credentials: from.credentials, AccountID: from.account,
		Timeout: o.Timeout, MemoryMB: o.MemoryMB, InitializationType: o.InitializationType,
		MaxConcurrency: managedConcurrency, Env: from.env, Output: o.Output,
	}
	maps.Copy(cfg.Env, o.Env)
	if err := o.extension(ctx, s, &cfg, work); err != nil {
		return s, err
	}
	s.host, err = lambdahost.New(cfg)
	if err != nil {
		return s, err
	}
	s.onClose(func() error { return s.host.Shutdown(context.WithoutCancel(ctx)) })
	return s, nil
}

// name is what the function is called: what its directory or file is.
func name(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	base := filepath.Base(path)
	base = base[:len(base)-len(filepath.Ext(base))]
	safe := make([]rune, 0, len(base))
	for _, r := range base {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			safe = append(safe, r)
		}
	}
	return string(safe)
}

// Invoke runs the function with an event, which must be JSON. What goes wrong with the
// function is in the Report; an error is of the host, the event, or ctx.
func (s *Session) Invoke(ctx context.Context, event []byte) (*Report, error) {
	if !json.Valid(event) {
		return nil, errors.New("the event is not JSON")
	}
	result, err := s.host.Invoke(ctx, event)
	if err != nil {
		return nil, err
	}
	r := newReport(result, s.memory)
	if s.tap != nil {
		r.Extension = s.tap.take()
	}
	return r, nil
}

// Freeze stops the environment for so long, as Lambda does between invocations, and
// returns when that time is over. Managed instances are not frozen.
func (s *Session) Freeze(ctx context.Context, d time.Duration) error {
	if err := s.host.Freeze(0); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return s.host.Thaw()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Session) onClose(f func() error) { s.closers = append(s.closers, f) }

// Close ends everything in the opposite order of its start, and removes what was made.
func (s *Session) Close() error {
	var errs []error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		errs = append(errs, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return errors.Join(errs...)
}
