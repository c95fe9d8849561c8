// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// operatorSession is how long a command on a data directory may take.
const operatorSession = 15 * time.Minute

// Operate opens a data directory that is there, and runs fn with a client that calls as the
// root of the configuration's account, without a network. The calls take the way that all
// calls take, and are recorded; beside them nothing happens. It fails while a server runs.
func Operate(ctx context.Context, c Config, log *slog.Logger, fn func(*client.Client) error) (err error) {
	if err := c.complete(); err != nil {
		return err
	}
	if err := c.exists(); err != nil {
		return err
	}
	s, err := OpenOn(ctx, c, log, Ground{Idle: true})
	if err != nil {
		return err
	}
	defer func() {
		if failed := s.Close(); err == nil {
			err = failed
		}
	}()
	key, err := s.operatorKey(ctx)
	if err != nil {
		return err
	}
	as, err := client.New(client.Config{
		Endpoint: "http://coffer.invalid", Region: s.Config.Region, UserAgent: "coffer/" + Version,
		Transport: direct{s.handler}, Getenv: func(string) string { return "" },
		Credentials: client.Static(sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.SessionToken.RevealString()}),
	})
	if err != nil {
		return err
	}
	return fn(as)
}

// operatorKey starts a session of the account's root, and makes the root if there is none.
func (s *Server) operatorKey(ctx context.Context) (*identity.GrantedKey, error) {
	root := identity.Principal{Account: s.Config.Account, Kind: identity.Root, Name: string(identity.Root)}
	var found *identity.Principal
	look := func(r kv.Reader) (err error) {
		found, err = s.Directory.Principals.Get(r, root.Account, string(root.Kind), root.Name)
		return err
	}
	if _, err := s.Store.View(ctx, look); err != nil {
		return nil, err
	}
	if found == nil {
		act := &Act{Name: "CreateRoot", By: byCommandLine, Details: map[string]string{"principal": root.ARN()}}
		if err := s.Do(ctx, act, func(tx kv.Tx) (err error) {
			found, err = s.Directory.PutPrincipal(tx, root, s.now())
			return err
		}); err != nil {
			return nil, err
		}
	}
	return s.Directory.StartSession(found, identity.NewSession{Duration: operatorSession}, s.now())
}

// direct has requests served in the process.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Host == "" {
		served.Host = req.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	a := answer{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(&a, served)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: req,
	}, nil
}

// answer is what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
