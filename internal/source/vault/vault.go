// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package vault is the source of secrets that is a Vault or OpenBao server, over its HTTP
// API.
//
// An id is a path as Vault has it, without /v1/, and may name one field of what is there:
//
//	secret/prod/db             a secret of a KV engine, version 1 or 2
//	secret/prod/db#password    one of its fields
//	database/creds/orders      or whatever else can be read
//
// Of a KV engine of version 2 the path may be with data/ or without. Which version an
// engine has Vault is asked; where the policy does not let us know, the path is tried as it
// is given, and then with data/ behind its first part.
//
// A value is the JSON of Vault's data. If Vault gave it under a lease, the lease is
// extended as long as Vault does that, and the same value is the answer; then, or when the
// lease was revoked, there is a new one. A value ends with its lease, and with the token
// that it was read with, because Vault revokes a token's leases when the token ends.
//
// The token comes from a login, one at a time. It is renewed while Vault renews it, and
// there is a new login when it ends, or is refused. All times are the wall clock, looked at
// when the token is used.
package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

// Config is what a Source needs. Address and Login are required.
type Config struct {
	// Address is the URL of the server, without /v1.
	Address string
	// Namespace is the namespace to log in to and to read from, or empty.
	Namespace string
	// Login proves who we are.
	Login Login
	// Grace is how long before its end a token is no longer used. Zero means DefaultGrace.
	Grace time.Duration
	// CAFile has the certificate authorities to trust, in PEM. Empty means the system's.
	CAFile string
	// MaxConns bounds the connections. Zero means client.DefaultMaxConns.
	MaxConns int
	// UserAgent is what requests say that they come from.
	UserAgent string
	// Transport sends requests. Nil means one of the Source's own.
	Transport http.RoundTripper
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// Source reads values from one server. It is safe for concurrent use.
type Source struct {
	server *server
	tokens *keeper
	mounts mounts
	leases leases
	now    func() time.Time
	key    []byte // of the ids of values without versions
}

var _ source.Source = (*Source)(nil)

// New returns a Source. It does not talk to the server yet.
func New(cfg Config) (*Source, error) {
	if cfg.Login == nil {
		return nil, errors.New("vault: no login")
	}
	clock := cfg.Now
	if clock == nil {
		clock = time.Now
	}
	now := func() time.Time { return clock().Round(0) }
	srv, err := newServer(cfg, now)
	if err != nil {
		return nil, err
	}
	return &Source{
		server: srv, tokens: newKeeper(srv, cfg.Login, cfg.Grace, now), now: now,
		leases: leases{held: map[string]*lease{}}, key: []byte(rand.Text()),
	}, nil
}

// Cleartext reports whether secrets travel unencrypted over a network.
func (s *Source) Cleartext() bool { return s.server.base.Scheme == "http" && !s.server.isLoopback() }

// IsAt reports whether the server is at a port of this host.
func (s *Source) IsAt(port int) bool {
	return s.server.isLoopback() && s.server.base.Port() == strconv.Itoa(port)
}

// Forget drops the token, connections, values under leases, and what is known of engines.
// It revokes nothing.
func (s *Source) Forget() {
	s.tokens.forget()
	s.leases.forget()
	s.mounts.forget()
	s.server.wire.Forget()
}

// Fetch implements cache.Source. A ref's VersionID is the number of a version in a KV
// engine of version 2, and its Stage may be AWSPREVIOUS there: the version before the
// current one.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	v, err := s.fetch(ctx, &ref)
	if err == nil {
		return *v, nil
	}
	if client.Unavailable(err) {
		err = &cache.Unavailable{Err: err}
	}
	return cache.Value{}, err
}

func (s *Source) fetch(ctx context.Context, ref *cache.Ref) (*cache.Value, error) {
	w, err := parse(ref)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx, &w)
	if err != nil {
		return nil, fmt.Errorf("vault: %s: %w", w.path, err)
	}
	v.Name = ref.ID
	if w.field == "" {
		return v, nil
	}
	whole := v.Text
	defer whole.Wipe()
	if v.Text, err = secret.Field(whole, w.field); err != nil {
		return nil, notFound.New(err.Error()).WithCause(fmt.Errorf("vault: %s", w.path))
	}
	return v, nil
}

// read reads the value that w names.
func (s *Source) read(ctx context.Context, w *wanted) (*cache.Value, error) {
	at, err := s.locate(ctx, w.path)
	if err != nil {
		return nil, err
	}
	v, err := s.readAt(ctx, at, w)
	if at.kind == kindUnknown && errors.Is(err, errWantsData) {
		v, err = s.readAt(ctx, s.learn(w.path), w)
	}
	return v, err
}

func (s *Source) readAt(ctx context.Context, at place, w *wanted) (*cache.Value, error) {
	switch {
	case w.version != 0 || w.previous || at.versioned():
		return s.readVersion(ctx, at, w)
	case at.kind == kindKV:
		r, _, err := s.get(ctx, at.path, "")
		if err != nil {
			return nil, err
		}
		return r.plain(s.now(), s.key), nil
	}
	return s.readLeased(ctx, at.path)
}

// readVersion reads from what is, or is taken for, a KV engine of version 2.
func (s *Source) readVersion(ctx context.Context, at place, w *wanted) (*cache.Value, error) {
	if at.kind != kindUnknown && !at.versioned() {
		return nil, invalid.New("this engine keeps no versions")
	}
	query := ""
	if w.version != 0 {
		query = "version=" + strconv.FormatUint(w.version, 10)
	}
	r, _, err := s.get(ctx, at.path, query)
	if err != nil {
		return nil, err
	}
	if at.kind == kindUnknown && !looksVersioned(r) {
		clear(r.Data)
		return nil, invalid.New("this engine keeps no versions")
	}
	v, err := r.versioned(s.now())
	if err != nil || !w.previous {
		return v, err
	}
	v.Text.Wipe()
	current, _ := strconv.ParseUint(v.VersionID, 10, 64)
	if current < 2 {
		return nil, notFound.New("there is no version before the current one")
	}
	return s.readVersion(ctx, at, &wanted{version: current - 1})
}

// get reads a path.
func (s *Source) get(ctx context.Context, path, query string) (*reply, grant, error) {
	r, g, err := s.call(ctx, Request{Method: http.MethodGet, Path: prefix + path, Query: query}, isDenied)
	if err == nil && !r.hasData() {
		err = notFound.New("there is nothing to read")
	}
	return r, g, err
}

// readLeased reads a path that may give its value under a lease. One lease serves all who
// ask, and one at a time asks.
func (s *Source) readLeased(ctx context.Context, path string) (*cache.Value, error) {
	leave, err := s.leases.turns.Enter(ctx, path)
	if err != nil {
		return nil, &client.TransportError{Err: err}
	}
	defer leave()
	if l := s.leases.get(path); l != nil {
		alive, err := s.extend(ctx, l)
		if alive {
			return l.answer(), nil
		}
		l.text.Wipe()
		if err != nil {
			return nil, err
		}
		s.leases.put(path, nil)
	}
	r, g, err := s.get(ctx, path, "")
	switch {
	case err != nil:
		return nil, err
	case r.LeaseID != "":
		return s.begin(path, r, g), nil
	case looksVersioned(r):
		return r.versioned(s.now())
	}
	return r.plain(s.now(), s.key), nil
}
