// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// sourceFunction is the name of the runtime process in the output.
	sourceFunction = "function"

	// readHeaderTimeout bounds how long a client of the APIs may take to ask.
	readHeaderTimeout = 10 * time.Second
)

// Host is one execution environment and the APIs that it is run by. Its methods may
// be called by several goroutines.
type Host struct {
	cfg         Config
	token       secret.Value // for the credentials endpoint
	credentials atomic.Pointer[Credentials]
	listener    net.Listener
	server      *http.Server
	work        sync.WaitGroup // the server, its connections, the watchers of processes

	slots    chan struct{}   // one element for each invocation under way
	alive    context.Context // until Shutdown, and then ErrClosed is its cause
	retire   context.CancelCauseFunc
	shutOnce sync.Once

	current atomic.Pointer[environment] // what the APIs serve; nil while nothing runs

	// life is held while the environment is started, frozen or ended; it guards
	// what follows.
	life   chan struct{}
	reset  bool          // an environment has been started: the next INIT is part of an invocation
	frozen bool          // the processes are stopped
	slept  time.Duration // by how much the wall clock is ahead when they are thawed
	init   time.Duration // of an INIT that no invocation has reported yet
}

// Start returns a host whose environment has been initialized. If INIT fails, nothing
// is left running, and the error is, or wraps, a *Failure. The end of ctx aborts INIT
// and has no meaning afterwards.
func Start(ctx context.Context, cfg Config) (*Host, error) {
	h, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := h.Init(ctx); err != nil {
		return nil, errors.Join(err, h.Shutdown(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// New returns a host that serves its APIs and runs nothing yet: the first Invoke
// starts with INIT, as on a cold start, unless Init is called before. Shutdown must be
// called to release it.
func New(cfg Config) (*Host, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("lambda host: %w", err)
	}
	listener := cfg.Listener
	if listener == nil {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("lambda host: %w", err)
		}
	}
	alive, retire := context.WithCancelCause(context.Background())
	h := &Host{
		cfg:      cfg,
		token:    secret.FromString(rand.Text()),
		listener: listener,
		slots:    make(chan struct{}, cfg.MaxConcurrency),
		alive:    alive,
		retire:   retire,
		life:     make(chan struct{}, 1),
	}
	h.SetCredentials(cfg.Credentials)

	mux := http.NewServeMux()
	h.routeRuntime(mux)
	h.routeExtensions(mux)
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ConnState: h.countConn}
	h.work.Go(func() { _ = h.server.Serve(listener) })
	return h, nil
}

// countConn makes Shutdown wait for the connections that are served.
func (h *Host) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		h.work.Add(1)
	case http.StateClosed, http.StateHijacked:
		h.work.Done()
	case http.StateActive, http.StateIdle:
	}
}

// Address is the host and port that the APIs are served at, which processes find in
// AWS_LAMBDA_RUNTIME_API.
func (h *Host) Address() string { return h.listener.Addr().String() }

// transport returns a way to reach the APIs for a Program.
func (h *Host) transport() *http.Transport {
	if d, ok := h.listener.(dialer); ok {
		return &http.Transport{DialContext: d.DialContext}
	}
	return &http.Transport{}
}

// function returns what to run as the runtime, under its wrapper if it has one.
func (h *Host) function() Process {
	p := h.cfg.Function
	if wrapper := h.cfg.Env[envExecWrapper]; wrapper != "" && p.Command != nil {
		p.Command = append([]string{wrapper}, p.Command...)
	}
	return p
}

func (h *Host) startProcess(p Process, name string, env map[string]string) (process, error) {
	if p.Program != nil {
		return h.startProgram(p.Program, name, env), nil
	}
	return startCommand(p, env, func(line string) { h.cfg.Output(name, line) })
}

// bound returns ctx, ended by Shutdown too with ErrClosed for its cause.
func (h *Host) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.alive, func() { cancel(context.Cause(h.alive)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// alone takes the life lock; the returned function gives it back. Shutdown keeps it.
func (h *Host) alone(ctx context.Context) (func(), error) {
	select {
	case h.life <- struct{}{}:
		return func() { <-h.life }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Init runs INIT if no environment is ready. It fails as Start does; a later Invoke
// then tries again.
func (h *Host) Init(ctx context.Context) error {
	ctx, release := h.bound(ctx)
	defer release()
	unlock, err := h.alone(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if env := h.current.Load(); env != nil {
		return nil
	}
	_, err = h.start(ctx, timedOut("Init", h.cfg.InitTimeout), h.cfg.InitTimeout)
	return err
}

// start begins a new environment within limit. The life lock is held.
func (h *Host) start(ctx context.Context, late *Failure, limit time.Duration) (*environment, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	began := time.Now()
	env := newEnvironment(h)
	h.reset = true
	h.current.Store(env)
	if err := env.init(ctx); err != nil {
		return nil, errors.Join(err, h.end(context.Background(), reasonFor(err)))
	}
	h.init = time.Since(began)
	h.cfg.Log.Debug("environment initialized", "duration", h.init)
	return env, nil
}

// end shuts the environment down. The life lock is held.
func (h *Host) end(ctx context.Context, why reason) error {
	env := h.current.Load()
	if env == nil {
		return nil
	}
	err := h.thaw(env)
	err = errors.Join(err, env.shutdown(ctx, why))
	h.current.Store(nil)
	return err
}

// Shutdown ends the environment as Lambda does when it is no longer needed, and
// releases the host. Invocations under way fail with ErrClosed. The end of ctx makes it
// kill at once what is still running. When Shutdown has returned nil, no process, no
// goroutine and no connection is left. Further calls do nothing.
func (h *Host) Shutdown(ctx context.Context) error {
	var err error
	h.shutOnce.Do(func() {
		h.retire(ErrClosed)
		for range cap(h.slots) {
			h.slots <- struct{}{}
		}
		h.life <- struct{}{}
		err = h.end(ctx, reasonSpindown)
		err = errors.Join(err, h.server.Close())
		if !errors.Is(err, errNotEnded) {
			h.work.Wait()
		}
	})
	if err != nil {
		return fmt.Errorf("shutting down lambda host: %w", err)
	}
	return nil
}
