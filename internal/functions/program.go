// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// Program is a function that is a program on this machine.
type Program struct {
	// Command is the path of an executable file and its arguments.
	Command []string
	// Dir is the working directory; empty means the server's.
	Dir string
	// Env are environment variables, within lambdahost's limits. Beside them the program
	// has what Lambda sets, AWS_ENDPOINT_URL and AWS_CA_BUNDLE for this server unless Env
	// has the first of them, and, from this process, PATH and TMPDIR.
	Env map[string]string
	// Role is the role, of the ARN's account, in whose name the program calls.
	Role string
	// MemoryMB is the memory that the program is told it has; zero means 128. It is not
	// enforced.
	MemoryMB int
}

const (
	// startTimeout bounds the start of a program. Lambda grants ten seconds; this machine
	// may be slower, and busy.
	startTimeout = time.Minute
	// credentialMargin is what credentials must last beyond the invocation that they
	// are used for, since clocks and schedulers are not exact.
	credentialMargin = time.Minute
	// maxOutput bounds a line of a program's output in the log, in bytes.
	maxOutput = 4 << 10

	envEndpoint = "AWS_ENDPOINT_URL"
	envCA       = "AWS_CA_BUNDLE"
	envTemp     = "TMPDIR"
)

// pool is the environments of one program. Those that are not in use are in idle; how many
// are in use is bounded by the function's turns.
type pool struct {
	config  lambdahost.Config // without what differs from one environment to the next
	account string
	role    string
	idle    time.Duration

	sessions Sessions
	server   func(context.Context) (Address, error)
	now      func() time.Time
	log      *slog.Logger

	mu     sync.Mutex
	free   []*environment // the one that was used last is at the end
	closed bool
	ending sync.WaitGroup // environments that are being ended for having been idle
}

// environment is one execution environment with its session.
type environment struct {
	host    *lambdahost.Host
	key     string    // the access key's id
	expires time.Time // of the session
	idle    *time.Timer
}

func newPool(c *Config, f Function, name arn.ARN, id string) (*pool, error) {
	switch {
	case len(f.Program.Command) == 0:
		return nil, errors.New("the command is empty")
	case f.Program.Role == "":
		return nil, errors.New("give the role in whose name the program calls this server")
	}
	if f.Timeout == 0 {
		f.Timeout = DefaultTimeout
	}
	p := &pool{
		account: name.Account, role: f.Program.Role, idle: c.Idle,
		sessions: c.Sessions, server: c.Server, now: c.Now, log: c.Log.With("function", f.ARN),
	}
	env := maps.Clone(f.Program.Env)
	if env == nil {
		env = map[string]string{}
	}
	if dir := c.Getenv(envTemp); dir != "" && env[envTemp] == "" {
		env[envTemp] = dir
	}
	p.config = lambdahost.Config{
		Function:     lambdahost.Process{Command: f.Program.Command, Dir: f.Program.Dir},
		FunctionName: id, Region: name.Region, AccountID: name.Account,
		MemoryMB: f.Program.MemoryMB, Timeout: f.Timeout, InitTimeout: startTimeout, Env: env,
		Output: func(_, line string) { p.log.Debug("function prints", "line", printable(line, maxOutput, ' ')) },
	}
	return p, p.config.Check()
}

func (p *pool) invoke(ctx context.Context, payload []byte) error {
	e, err := p.take(ctx)
	if err != nil {
		return err
	}
	res, err := e.host.Invoke(ctx, payload)
	p.put(e)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case res.FunctionError != "":
		return reported(res.Payload)
	}
	return nil
}

// take returns an environment whose credentials last for an invocation: the free one that
// was used last, or a new one. Those whose time is over it ends.
func (p *pool) take(ctx context.Context) (*environment, error) {
	for {
		e := p.pop()
		if e == nil {
			return p.start(ctx)
		}
		if e.expires.Sub(p.now()) >= p.config.Timeout+startTimeout+credentialMargin {
			return e, nil
		}
		if err := p.end(e); err != nil {
			p.log.Warn("an environment did not end as it should", "error", err)
		}
	}
}

func (p *pool) pop() *environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	last := len(p.free) - 1
	e := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	e.idle.Stop()
	return e
}

// start makes an environment, with a session of its own. Its program starts with the first
// invocation.
func (p *pool) start(ctx context.Context) (*environment, error) {
	config := p.config
	config.Env = maps.Clone(config.Env)
	if config.Env[envEndpoint] == "" {
		address, err := p.server(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		config.Env[envEndpoint] = address.URL
		if address.CA != "" {
			config.Env[envCA] = address.CA
		}
	}
	var err error
	if config.Credentials, err = p.sessions.Open(ctx, p.account, p.role, config.FunctionName); err != nil {
		return nil, fmt.Errorf("%w: a session of role %s: %w", ErrUnreachable, p.role, err)
	}
	e := &environment{key: config.Credentials.AccessKeyID, expires: config.Credentials.Expiration}
	if e.host, err = lambdahost.New(config); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), p.sessions.Withdraw(context.WithoutCancel(ctx), e.key))
	}
	return e, nil
}

// put keeps an environment for the next invocation, until it has been idle for too long.
func (p *pool) put(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, e)
	e.idle = time.AfterFunc(p.idle, func() { p.expire(e) })
}

// expire ends an environment, unless somebody has taken it meanwhile.
func (p *pool) expire(e *environment) {
	p.mu.Lock()
	i := slices.Index(p.free, e)
	if i < 0 || p.closed {
		p.mu.Unlock()
		return
	}
	p.free = slices.Delete(p.free, i, i+1)
	p.ending.Add(1)
	p.mu.Unlock()
	defer p.ending.Done()
	if err := p.end(e); err != nil {
		p.log.Warn("an environment did not end as it should", "error", err)
	}
}

// end ends an environment and its session. It takes two seconds at most, and the time of
// the withdrawal.
func (p *pool) end(e *environment) error {
	ctx := context.Background()
	return errors.Join(e.host.Shutdown(ctx), p.sessions.Withdraw(ctx, e.key))
}

func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	free := p.free
	p.free = nil
	p.mu.Unlock()
	var errs []error
	for _, e := range free {
		e.idle.Stop()
		errs = append(errs, p.end(e))
	}
	p.ending.Wait()
	return errors.Join(errs...)
}
