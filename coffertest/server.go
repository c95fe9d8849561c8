// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package coffertest is a Coffer server inside of a test: Secrets Manager, Parameter
// Store, KMS and STS as AWS has them, for the code under test to call.
//
//	func TestHandler(t *testing.T) {
//		srv := coffertest.NewServer(t, coffertest.Secret("prod/db", "correct-horse"))
//		srv.Setenv(t)
//		// From here on the AWS SDKs, package coffer and child processes, all without
//		// settings of their own, call srv, with credentials that may do everything.
//	}
//
// It is the server itself and no imitation: signatures, policies, versions, staging
// labels and errors are those of production. Only its ground differs: it stores in
// memory, is gone with the test, and its clock can be moved. Starting it takes
// milliseconds, so that each test can have one of its own.
package coffertest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Where everything of a server is.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Server is a running server, as somebody with an access key sees it: the root of
// Account, who may do everything, or a user (see As). Its methods end the test if
// something fails that the test is not about. They may be called concurrently, but for
// Setenv and Advance.
type Server struct {
	// URL is the endpoint of all services, such as http://127.0.0.1:40123.
	URL string
	// AccessKeyID and SecretAccessKey are the credentials. They need no session token.
	AccessKeyID, SecretAccessKey string

	*core
	tb  testing.TB
	own *client.Client // calls the server past its faults
}

// core is what all views of one server share.
type core struct {
	server   *server.Server
	offset   atomic.Int64 // of the clock, in nanoseconds
	verifier sigv4.Verifier
	signer   sigv4.Signer

	mu     sync.Mutex // guards what follows
	down   bool
	faults []string
	calls  []string
}

// Option says what a new server has.
type Option func(*Server)

// NewServer starts a server. It ends with the test.
func NewServer(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	c := new(core)
	ground := server.InMemory()
	ground.Now = c.now
	var err error
	c.server, err = server.OpenOn(tb.Context(), server.Config{Data: tb.TempDir(), Account: Account, Region: Region},
		slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		ground)
	if err != nil {
		tb.Fatalf("coffertest: starting the server: %v", err)
	}
	listener := httptest.NewServer(http.HandlerFunc(c.serve))
	tb.Cleanup(func() {
		listener.Close()
		if err := c.server.Close(); err != nil {
			tb.Errorf("coffertest: closing the server: %v", err)
		}
	})
	key, err := c.server.DevKey(tb.Context(), "", secret.Value{})
	if err != nil {
		tb.Fatalf("coffertest: making credentials: %v", err)
	}
	s := &Server{URL: listener.URL, core: c, tb: tb}
	s.use(key.ID, key.Secret)
	for _, o := range options {
		o(s)
	}
	return s
}

// use makes an access key that of s.
func (s *Server) use(id string, value secret.Value) {
	s.tb.Helper()
	s.AccessKeyID, s.SecretAccessKey = id, value.RevealString()
	var err error
	s.own, err = client.New(client.Config{
		Endpoint: "http://coffer.test", Region: Region, UserAgent: "coffertest", Now: s.now,
		Credentials: client.Static(sigv4.Credentials{AccessKeyID: id, SecretAccessKey: value}),
		Transport:   inProcess{s.server.Handler()},
		Getenv:      func(string) string { return "" },
	})
	if err != nil {
		s.tb.Fatalf("coffertest: %v", err)
	}
}

// inProcess is a transport that calls a handler of this process.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(req.Context(), req.Method, "/", req.Body)
	in.Header, in.Host, in.ContentLength = req.Header.Clone(), req.URL.Host, req.ContentLength
	answer := httptest.NewRecorder()
	p.handler.ServeHTTP(answer, in)
	return answer.Result(), nil
}

// settleWithin bounds the wait for what is due after the clock was moved.
const settleWithin = 10 * time.Second

// Now is what the server's clock shows: the real time, and by how much it was advanced.
func (s *Server) Now() time.Time { return s.now() }

// Advance moves the server's clock, and waits until what is due by then is done, such as
// the erasure of a deleted secret. Who calls the server goes on signing by the real time.
// No other call may be under way.
func (s *Server) Advance(d time.Duration) {
	s.tb.Helper()
	s.offset.Add(int64(d))
	ctx, cancel := context.WithTimeout(s.tb.Context(), settleWithin)
	defer cancel()
	if err := s.server.Settle(ctx); err != nil {
		s.tb.Fatalf("coffertest: advancing the clock by %v: what is due is not done: %v", d, err)
	}
}

func (c *core) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }
