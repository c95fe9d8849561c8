// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package server assembles Coffer's server: storage, sealing, audit, the gate and the
// services on it, and serves them over HTTP with health and metrics beside them.
//
// Open brings up everything below the listener, and fails with an error that says
// what to do; Serve listens; Close takes all of it down in the opposite order.
package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
)

// Version is the version that the server tells.
const Version = "0.1.0"

// Server is a running server without its listener.
type Server struct {
	*Vault
	gate    *gate.Gate
	jobs    *jobs.Worker
	metrics *metrics
	handler http.Handler
	tls     *tls.Config // nil for plain HTTP; set by Listen
	address *address    // set by Listen

	functions *functions.Runner
	oidc      *oidc.Verifier
	firstKey  *identity.GrantedKey // until it is asked for
}

// Open opens the data directory, and makes what is missing on first start.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Server, error) {
	return OpenOn(ctx, c, log, Ground{})
}

// OpenOn is Open on another ground than the data directory alone.
func OpenOn(ctx context.Context, c Config, log *slog.Logger, on Ground) (*Server, error) {
	vault, err := openVault(ctx, c, log, on)
	if err != nil {
		return nil, err
	}
	s := &Server{Vault: vault, metrics: newMetrics(vault.Audit), address: newAddress()}
	if err := s.assemble(ctx, on); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// assemble makes what is above the vault.
func (s *Server) assemble(ctx context.Context, on Ground) error {
	if !on.Idle {
		if err := s.applyPrincipals(ctx); err != nil {
			return err
		}
		if err := s.openFunctions(ctx); err != nil {
			return err
		}
	}
	token, err := s.Store.Derive("page tokens")
	if err != nil {
		return err
	}
	bounds, err := s.Config.limits()
	if err != nil {
		return err
	}
	endpoints, err := s.Config.endpoints()
	if err != nil {
		return err
	}
	published, err := events.Open(ctx, events.Config{Store: s.Store, Retention: s.Config.EventsRetention, Now: s.now})
	if err != nil {
		return err
	}
	s.gate, err = gate.New(gate.Config{
		Store: s.Store, Audit: s.Audit, Directory: s.callers(on), Events: published, Limits: bounds, TokenKey: [32]byte(token.Reveal()),
		Endpoints: endpoints, Region: s.Config.Region, Now: s.now, Log: s.Log, Observe: s.metrics.observe,
	}, services()...)
	if err != nil {
		return err
	}
	if err := s.bind(on.Idle); err != nil {
		return err
	}
	if !on.Idle {
		if err := s.makeRoot(ctx, on.FirstKey); err != nil {
			return err
		}
		if err := smservice.Prepare(ctx, s.Store, s.now()); err != nil {
			return err
		}
		s.jobs = s.startJobs()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.Handle("/", s.gate)
	s.handler = mux
	return nil
}

// bind binds every service to the gate. If it is idle there are no functions.
func (s *Server) bind(idle bool) (err error) {
	if s.oidc, err = s.verifier(); err != nil {
		return err
	}
	from := origins{oidc: s.oidc}
	if from.logins, err = s.Config.logins(s.now); err != nil {
		return err
	}
	if !idle {
		from.functions = s.functions
	}
	bind(s.gate, s.Directory, from)
	return nil
}

// Handler serves AWS's protocols, /healthz and /metrics.
func (s *Server) Handler() http.Handler { return s.handler }

// Operations lists what the server serves.
func (s *Server) Operations() []gate.Operation { return s.gate.Operations() }

// health answers 200 while calls can be served and recorded, else 503 with the reason. A
// full disk, which ends by itself when there is room, is not looked for.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	status, answer := http.StatusOK, map[string]string{"status": "ok", "version": Version}
	unavailable := func(reason string) {
		status = http.StatusServiceUnavailable
		answer["status"], answer["reason"] = "unavailable", reason
	}
	if _, err := s.Store.View(r.Context(), func(kv.Reader) error { return nil }); err != nil {
		unavailable("the store can't be read")
	} else if !s.Store.Writable() {
		unavailable("the store has stopped taking writes after a fault of its disk: mend the disk, and restart")
	} else if err := s.Audit.Ready(); err != nil {
		unavailable("the audit log can't be written")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // to a client that may be gone
}

// Bounds of a connection: no request of these APIs takes longer to send, and none
// has larger headers (a session token has about 1 KiB, a presigned URL 2 KiB).
const (
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
	idleTimeout  = 5 * time.Minute
	maxHeader    = 32 << 10
)

// Listen opens the listener that the configuration names. With TLS its certificate is
// there from then on.
func (s *Server) Listen() (net.Listener, error) {
	var err error
	if s.tls, err = s.Config.tlsConfig(time.Now()); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", s.Config.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w: is another server running there? choose another address with --listen", err)
	}
	s.address.set(s.Config.local(l.Addr()))
	return l, nil
}

// Serve serves on l, which Listen opened, until ctx ends; then it waits for the calls
// under way, up to the stop timeout. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler, TLSConfig: s.tls,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.gate.EndWaits)
	failed := make(chan error, 1)
	go func() {
		if s.tls != nil {
			failed <- server.ServeTLS(l, "", "")
			return
		}
		failed <- server.Serve(l)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.StopTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		s.Log.Warn("calls were still under way at the end of the stop timeout", "error", err)
		return server.Close()
	}
	return nil
}

// Close ends the workers and closes the data directory. Serve has returned by then.
func (s *Server) Close() error {
	var errs []error
	if s.jobs != nil {
		errs = append(errs, s.jobs.Close())
	}
	if s.functions != nil { // after the jobs, which invoke them, and before the store, in which their sessions are
		errs = append(errs, s.functions.Close())
	}
	if s.gate != nil {
		errs = append(errs, s.gate.Close())
	}
	if s.oidc != nil {
		s.oidc.Close()
	}
	return errors.Join(append(errs, s.Vault.Close())...)
}

// databaseFile is the database in the data directory.
func (c *Config) databaseFile() string { return filepath.Join(c.Data, "coffer.db") }
