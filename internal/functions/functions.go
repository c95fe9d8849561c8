// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package functions runs Lambda functions by ARN, on behalf of a server that has to have
// something done by its users' code, such as the rotation of a secret.
//
// Which functions there are is configuration. Each is one of two things:
//
//   - a program on this machine that speaks Lambda's Runtime API, run in an environment of
//     package lambdahost. An environment is started when an invocation finds none that is
//     free, is kept for the next one, and is ended after it was idle for some time, or when
//     its credentials come to their end. These are a session of a role of this server, made
//     for the environment and withdrawn with it.
//   - an endpoint that speaks Lambda's Invoke API: AWS's own, or what stands in for it.
//
// A Runner waits for the function's end and tells whether it succeeded, and no more: what a
// function is given and what it returns is in no error and no log.
package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// Bounds of what a Runner does.
const (
	// MaxFunctions is how many functions a configuration may have.
	MaxFunctions = 100
	// MaxConcurrent is how many invocations of one function run at once, and so how many
	// environments a program may have. Further ones wait for their turn.
	MaxConcurrent = 4
	// MaxTimeout is the longest that an invocation may take (AWS Lambda Developer Guide,
	// "Lambda quotas").
	MaxTimeout = lambdahost.MaxTimeout
	// DefaultTimeout is how long an invocation of a program may take if nothing else is
	// said: what AWS's own rotation functions are made with. An endpoint has MaxTimeout.
	DefaultTimeout = 30 * time.Second
	// DefaultIdle is how long an environment is kept that nobody uses.
	DefaultIdle = 5 * time.Minute
)

// Errors of Invoke, to be tested with errors.Is. There is also *FunctionError.
var (
	// ErrUnknown says that no function has the ARN.
	ErrUnknown = errors.New("unknown function")
	// ErrTimedOut says that the function ran out of time. What it did until then stands.
	ErrTimedOut = errors.New("function timed out")
	// ErrUnreachable says that the function could not be run, or that nobody could tell
	// what became of it.
	ErrUnreachable = errors.New("function is unreachable")
	// ErrClosed says that the Runner has been closed.
	ErrClosed = errors.New("functions: closed")
)

// Function is one function of a configuration. Exactly one of Program and Endpoint is given.
type Function struct {
	// ARN is what the function is called by: arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME,
	// with or without a version or alias after another colon. It is compared as it is.
	ARN string
	// Timeout bounds an invocation, from its turn to its end; MaxTimeout at most. Zero means
	// DefaultTimeout for a program and MaxTimeout for an endpoint.
	Timeout  time.Duration
	Program  *Program
	Endpoint *Endpoint
}

// Sessions makes and withdraws the credentials of programs. It is used concurrently.
type Sessions interface {
	// Open returns credentials for a role of an account. They last until their
	// Expiration, which is to be an hour away or more, or until they are withdrawn.
	Open(ctx context.Context, account, role, function string) (lambdahost.Credentials, error)
	// Withdraw ends credentials before their time. Those that are gone are no error.
	Withdraw(ctx context.Context, accessKeyID string) error
}

// Address is where programs reach the server.
type Address struct {
	// URL is what they find in AWS_ENDPOINT_URL.
	URL string
	// CA is a file of the authority that vouches for it, which they find in AWS_CA_BUNDLE;
	// empty for what the system trusts.
	CA string
}

// Config is what a Runner stands on.
type Config struct {
	Functions []Function
	// Sessions and Server are required if a function is a program. Server returns where the
	// server listens, and waits until it does.
	Sessions Sessions
	Server   func(context.Context) (Address, error)
	// Idle is how long an environment is kept that nobody uses. Zero means DefaultIdle.
	Idle time.Duration
	// Getenv reads the environment that the credentials of signed endpoints are taken from,
	// and the few variables that programs inherit. Nil means os.Getenv.
	Getenv func(string) string
	// Log takes names, durations and types of errors, and at debug level what programs
	// print and what functions say of their errors. Nil discards.
	Log *slog.Logger
	// Now is the wall clock. Nil means time.Now.
	Now func() time.Time
}

// Runner runs functions. It is safe for concurrent use.
type Runner struct {
	functions map[string]*function // by ARN
	log       *slog.Logger
	alive     context.Context // until Close; ErrClosed is its cause then
	retire    context.CancelCauseFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

type function struct {
	arn   string
	turns chan struct{} // one element for each invocation under way
	run   runner
}

// runner is a way of running a function. Its errors are those of Invoke, or that of ctx.
type runner interface {
	invoke(ctx context.Context, payload []byte) error
	// close releases everything. No invocation is under way, and none follows.
	close() error
}

// New returns a Runner, or says which function is not configured well. It starts nothing.
func New(c Config) (*Runner, error) {
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Functions) > MaxFunctions {
		return nil, fmt.Errorf("%d functions: %d are the most", len(c.Functions), MaxFunctions)
	}
	r := &Runner{functions: map[string]*function{}, log: c.Log}
	r.alive, r.retire = context.WithCancelCause(context.Background())
	for _, f := range c.Functions {
		if err := r.add(&c, f); err != nil {
			return nil, fmt.Errorf("function %s: %w", f.ARN, err)
		}
	}
	return r, nil
}

func (r *Runner) add(c *Config, f Function) error {
	name, err := arn.Parse(f.ARN)
	if err != nil {
		return err
	}
	id, err := functionName(name)
	switch {
	case err != nil:
		return err
	case r.functions[f.ARN] != nil:
		return errors.New("given twice")
	case f.Timeout < 0 || f.Timeout > MaxTimeout:
		return fmt.Errorf("timeout %s: %s is the most", f.Timeout, MaxTimeout)
	case (f.Program == nil) == (f.Endpoint == nil):
		return errors.New("give either a command or an endpoint")
	}
	added := &function{arn: f.ARN, turns: make(chan struct{}, MaxConcurrent)}
	if f.Program != nil {
		added.run, err = newPool(c, f, name, id)
	} else {
		added.run, err = newRemote(c, f, name)
	}
	if err != nil {
		return err
	}
	r.functions[f.ARN] = added
	return nil
}

// Known reports whether there is a function of that ARN.
func (r *Runner) Known(arn string) bool { return r.functions[arn] != nil }

// ARNs lists the functions, sorted.
func (r *Runner) ARNs() []string { return slices.Sorted(maps.Keys(r.functions)) }

// Invoke runs a function with an event of JSON, and returns nil when it has succeeded.
// It waits for its turn where MaxConcurrent invocations are under way. The end of ctx is an
// error too; it ends a program, and leaves what an endpoint runs to itself.
//
// A *FunctionError, or ErrTimedOut, says that the function was run and failed; ErrUnknown
// that it was not run; ErrUnreachable, ErrClosed and ctx's own that it may have been.
func (r *Runner) Invoke(ctx context.Context, arn string, payload []byte) error {
	f := r.functions[arn]
	if f == nil {
		return fmt.Errorf("function %s: %w", arn, ErrUnknown)
	}
	if len(payload) > lambdahost.MaxPayload {
		return fmt.Errorf("function %s: %w", arn, lambdahost.ErrPayloadTooLarge)
	}
	if !r.enter() {
		return ErrClosed
	}
	defer r.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.alive, func() { cancel(ErrClosed) })()

	began := time.Now()
	err := f.invoke(ctx, payload)
	r.report(f.arn, time.Since(began), err)
	if err != nil {
		return fmt.Errorf("function %s: %w", arn, err)
	}
	return nil
}

// enter counts an invocation, unless the Runner is closed.
func (r *Runner) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.running.Add(1)
	return true
}

func (f *function) invoke(ctx context.Context, payload []byte) error {
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := f.run.invoke(ctx, payload)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *Runner) report(arn string, took time.Duration, err error) {
	if failed, ok := errors.AsType[*FunctionError](err); ok {
		r.log.Debug("a function reported an error", "function", arn, "type", failed.Type, "message", failed.Message)
	}
	r.log.Debug("function invoked", "function", arn, "duration", took, "failed", err != nil)
}

// Close ends invocations under way, which fail with ErrClosed, and all programs. When it
// has returned, nothing of them is left running. Further calls do nothing.
func (r *Runner) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return nil
	}
	r.retire(ErrClosed)
	r.running.Wait()
	var errs []error
	for _, f := range r.functions {
		errs = append(errs, f.run.close())
	}
	return errors.Join(errs...)
}
