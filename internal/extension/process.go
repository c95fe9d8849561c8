// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/lambdaapi"
)

const (
	// refreshEvery is how often an agent that gets no INVOKE looks for values whose
	// time for a refresh comes.
	refreshEvery = 10 * time.Second
	// stopIn bounds a stop. Lambda may leave us 1.4 s; 200 ms is what we allow us.
	stopIn = 150 * time.Millisecond
	// sidecarStopIn bounds the stop of an agent that nobody is about to kill.
	sidecarStopIn = 5 * time.Second
)

// process is what the program gets from its surroundings.
type process struct {
	name   string // the path that it was started by
	getenv func(string) string
	errs   io.Writer
	now    func() time.Time
	listen func(port int) (net.Listener, error)
	api    http.RoundTripper // to Lambda
	// transport is to the sources; nil means each its own.
	transport http.RoundTripper
	// environ lists the environment, for variables whose names are not all known.
	environ func() []string
	vault   *vaultSide // once there is a source of that name
	// render is for templates; nil means that there can be none.
	render files.Renderer
}

// parts are what a running program consists of.
type parts struct {
	settings agent.Settings
	log      *slog.Logger
	held     *cache.Cache
	source   *forgetful
	agent    *agent.Agent
	server   *agent.Server
	vault    *vaultSide
	files    keeper
	changes  *changes
}

// run listens before it does anything that takes time, so that a function finds it there
// whatever the order in which things start.
func (p *process) run(ctx context.Context) error {
	settings := agent.SettingsFrom(p.getenv)
	lambda := p.getenv("AWS_LAMBDA_RUNTIME_API")
	listeners, err := p.open(settings)
	if err != nil {
		return p.cannotStart(ctx, lambda, "Extension.Listen", err)
	}
	x, err := p.assemble(settings, listeners)
	if err != nil {
		closeAll(listeners)
		return p.cannotStart(ctx, lambda, "Extension.Configuration", err)
	}
	if lambda == "" {
		return x.sidecar(ctx)
	}
	api := lambdaapi.New(lambda, p.api)
	defer api.Close()
	e := &extension{parts: x, api: api, name: filepath.Base(p.name), kind: p.getenv("AWS_LAMBDA_INITIALIZATION_TYPE")}
	return e.live(ctx)
}

// open opens the port, and the unix socket if there is to be one.
func (p *process) open(settings agent.Settings) ([]net.Listener, error) {
	port, err := p.listen(settings.Port)
	if err != nil || settings.Socket == "" {
		return []net.Listener{port}, err
	}
	socket, err := agent.ListenSocket(settings.Socket)
	if err != nil {
		port.Close()
		return nil, err
	}
	return []net.Listener{port, socket}, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// cannotStart tells Lambda, if that is where we are, why the program is about to exit.
func (p *process) cannotStart(ctx context.Context, lambda, kind string, err error) error {
	if lambda == "" {
		return err
	}
	api := lambdaapi.New(lambda, p.api)
	defer api.Close()
	if failed := api.Register(ctx, filepath.Base(p.name), lambdaapi.Shutdown); failed != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, api.InitError(ctx, kind, err))
}

// assemble builds the parts and begins to serve.
func (p *process) assemble(settings agent.Settings, listeners []net.Listener) (*parts, error) {
	log := newLog(p.errs, settings, p.getenv("AWS_LAMBDA_LOG_FORMAT"))
	for _, w := range settings.Warnings {
		log.Warn(w)
	}
	from, err := p.sources(settings, log)
	if err != nil {
		return nil, err
	}
	source, metrics := &forgetful{Source: from}, new(agent.Metrics)
	held, err := cache.New(cache.Config{
		Source: source, Secrets: settings.Secrets, Parameters: settings.Parameters, MaxItems: settings.MaxItems, Now: p.now,
		Observe: metrics.Observe,
	})
	if err != nil {
		return nil, err
	}
	if p.getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == snapStart {
		source.holdBack(held, true)
	}
	tokens, err := agent.TokensFrom(p.getenv)
	if err != nil || len(tokens) == 0 {
		if p.getenv("AWS_LAMBDA_RUNTIME_API") == "" {
			held.Close()
			return nil, errors.Join(err, errors.New("no token for requests to show: set COFFER_AGENT_TOKEN or COFFER_AGENT_TOKEN_FILE"))
		}
		log.Error("the tokens that requests may show are not all there", "tokens", len(tokens), "error", fmt.Sprint(err))
	}
	handler, err := agent.New(agent.Config{
		Store: held, Limited: func(b cache.Budget) agent.Store { return held.For(b) }, Budget: settings.Budget,
		Changes: held.Changes, Stats: held.Stats, Tokens: tokens, Contract: settings.Contract, Prefix: settings.Prefix,
		Metrics: metrics, OpenMetrics: settings.OpenMetrics, Log: log, Now: p.now,
	})
	if err != nil {
		held.Close()
		return nil, err
	}
	for _, l := range listeners {
		log.Info("serving secrets", "version", version(), "address", l.Addr().String())
	}
	server := agent.Serve(listeners[0], handler, log, listeners[1:]...)
	x := &parts{settings: settings, log: log, held: held, source: source, agent: handler, server: server}
	x.vault, x.files, x.changes = p.serveVault(x), p.keep(settings, held, log), p.changes(held, settings, log)
	return x, nil
}

// fetchAhead fetches what the settings name. When the files were written too, the agent is
// ready.
func (x *parts) fetchAhead(ctx context.Context) {
	agent.Prefetch(ctx, x.held, x.settings.Prefetch, x.log)
	x.files.await(ctx)
	x.agent.Ready()
}

// stop ends everything, with every value overwritten. Requests under way have so much time
// to be answered; those that wait for changes are at once.
func (x *parts) stop(within time.Duration) error {
	// Not bound to the context that told us to stop.
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	x.agent.Drain()
	err := errors.Join(x.server.Stop(ctx), x.vault.stop(ctx))
	x.files.end()
	x.held.Close()
	x.source.Forget()
	return err
}

// sidecar serves until ctx ends.
func (x *parts) sidecar(ctx context.Context) error {
	var background tasks
	x.files.begin(ctx, &background)
	background.start(ctx, x.fetchAhead)
	background.start(ctx, func(ctx context.Context) { x.vault.writeFiles(ctx, refreshEvery) })
	background.start(ctx, x.refreshByTimer)
	background.start(ctx, x.changes.follow)
	select {
	case <-ctx.Done():
	case <-x.server.Done():
	}
	background.end()
	return x.stop(sidecarStopIn)
}

// refreshByTimer keeps what is in use fresh where no INVOKE tells that it is needed.
func (x *parts) refreshByTimer(ctx context.Context) {
	t := time.NewTicker(refreshEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			x.held.RefreshDue(refreshEvery)
			x.vault.writeFiles(ctx, refreshEvery)
		case <-ctx.Done():
			return
		}
	}
}

func newLog(w io.Writer, s agent.Settings, format string) *slog.Logger {
	if s.Quiet {
		return slog.New(slog.DiscardHandler)
	}
	options := &slog.HandlerOptions{Level: s.Level}
	if format == "JSON" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
