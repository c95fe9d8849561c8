// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

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
	key := &gate.Credential{AccessKeyID: "OPERATOR" + rand.Text(), Secret: secret.FromString(rand.Text())}
	s, err := OpenOn(ctx, c, log, Ground{Idle: true, operator: key})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	as, err := client.New(client.Config{
		Endpoint: "http://coffer.invalid", Region: s.Config.Region, UserAgent: "coffer/" + Version,
		Transport: direct{s.handler}, Getenv: func(string) string { return "" },
		Credentials: client.Static(sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret}),
	})
	if err != nil {
		return err
	}
	return fn(as)
}

// operated is the directory of a server that an operator calls, with a key of the root's
// that is in no store.
type operated struct {
	*identity.Directory
	root *identity.Principal
	key  *gate.Credential
}

// Credential implements gate.Directory.
func (o operated) Credential(r kv.Reader, accessKeyID, sessionToken string) (*gate.Credential, error) {
	if accessKeyID != o.key.AccessKeyID {
		return o.Directory.Credential(r, accessKeyID, sessionToken)
	}
	as, err := o.As(r, o.root, "")
	if err != nil {
		return nil, err
	}
	with := *o.key
	with.Principal = as
	return &with, nil
}

// callers are those that the gate knows.
func (s *Server) callers(on Ground) gate.Directory {
	if on.operator == nil {
		return s.Directory
	}
	root := &identity.Principal{Account: s.Config.Account, Kind: identity.Root, Name: string(identity.Root), ID: s.Config.Account}
	return operated{s.Directory, root, on.operator}
}

// direct has requests served in the process.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	served.URL.Path = cmp.Or(served.URL.Path, "/") // as it goes over a network
	served.Host = cmp.Or(served.Host, req.URL.Host)
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
