// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package servicetest runs services as a server does, for tests: behind a real gate,
// over a sealed embedded store and an audit log in the test's directory, on a
// loopback address that the AWS SDKs can call.
//
// The clock is the test's: requests are signed, and answered, at the time that it
// shows. Restart closes everything and opens it again from the disk, at the same URL.
package servicetest

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Where everything is, unless a test says otherwise.
const (
	Account = "123456789012"
	Region  = "eu-west-1"
)

// Start is the time that a new server's clock shows.
var Start = time.Date(2026, time.March, 14, 9, 26, 53, 589e6, time.UTC)

// Server is a running server. Its methods end the test when something fails that is
// not what the test is about; but for Restart, Records and Settle, they may be called
// concurrently.
type Server struct {
	// URL is the endpoint of all services.
	URL string
	// Dir holds the database, the root key and the audit log.
	Dir string
	// Clock is what the server and its clients go by.
	Clock *Clock
	// Root is an access key of the root of Account.
	Root Credentials
	// Store is the open store, replaced by Restart.
	Store *seal.Store
	// Directory has the principals, and more than User makes.
	Directory *identity.Directory

	tb     testing.TB
	bind   func(*gate.Gate, *identity.Directory)
	limits limits.Limits

	mu    sync.RWMutex // held by each request while it is served
	gate  *gate.Gate
	audit *audit.Log
}

// New starts a server with what bind binds to its gate. It ends with the test.
func New(tb testing.TB, bind func(*gate.Gate, *identity.Directory)) *Server {
	tb.Helper()
	return NewLimited(tb, limits.Limits{}, bind)
}

// NewLimited is New with limits.
func NewLimited(tb testing.TB, l limits.Limits, bind func(*gate.Gate, *identity.Directory)) *Server {
	tb.Helper()
	s := &Server{Dir: tb.TempDir(), Clock: &Clock{now: Start}, tb: tb, bind: bind, limits: l}
	s.open()
	listener := httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(func() {
		listener.Close()
		s.close()
	})
	s.URL = listener.URL
	s.Root = s.key(identity.Principal{Account: Account, Kind: identity.Root})
	return s
}

// Restart closes the store and the log, and opens them again. It waits for requests
// under way, and for what they left to be done later.
func (s *Server) Restart() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
	s.open()
}

func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.gate.ServeHTTP(w, req)
}

func (s *Server) open() {
	s.tb.Helper()
	if err := s.tryOpen(); err != nil {
		s.tb.Fatalf("opening the server in %s: %v", s.Dir, err)
	}
}

func (s *Server) tryOpen() error {
	ctx := s.tb.Context()
	bolt, err := boltkv.Open(filepath.Join(s.Dir, "coffer.db"), boltkv.Options{})
	if err != nil {
		return err
	}
	s.Store, err = seal.Open(ctx, bolt, seal.FileRoot(filepath.Join(s.Dir, "root.key")), seal.Options{Now: s.Clock.Now})
	if err != nil {
		return errors.Join(err, bolt.Close())
	}
	anchor, err := s.Store.Derive("audit anchor")
	if err != nil {
		return errors.Join(err, s.Store.Close())
	}
	s.audit, err = audit.Open(ctx, audit.Options{
		Path: s.auditFile(), AnchorKey: anchor.Reveal(), Store: s.Store, Now: s.Clock.Now,
	})
	if err != nil {
		return errors.Join(err, s.Store.Close())
	}
	token, err := s.Store.Derive("page tokens")
	if err != nil {
		return errors.Join(err, s.audit.Close(), s.Store.Close())
	}
	sessions, err := s.Store.Derive("session tokens")
	if err != nil {
		return errors.Join(err, s.audit.Close(), s.Store.Close())
	}
	s.Directory = identity.NewDirectory(identity.Options{SessionKey: [32]byte(sessions.Reveal())})
	published, err := events.Open(ctx, events.Config{Store: s.Store, Now: s.Clock.Now})
	if err != nil {
		return errors.Join(err, s.audit.Close(), s.Store.Close())
	}
	s.gate, err = gate.New(gate.Config{
		Store: s.Store, Audit: s.audit, Directory: s.Directory, Events: published, Limits: s.limits, TokenKey: [32]byte(token.Reveal()),
		Now: s.Clock.Now, Log: slog.New(slog.NewTextHandler(s.tb.Output(), nil)),
	}, secretsmanager.Service, ssm.Service, kms.Service, iam.Service, sts.Service, coffer.Service)
	if err != nil {
		return errors.Join(err, s.audit.Close(), s.Store.Close())
	}
	s.bind(s.gate, s.Directory)
	return nil
}

func (s *Server) close() {
	s.tb.Helper()
	if err := errors.Join(s.gate.Close(), s.audit.Close(), s.Store.Close()); err != nil {
		s.tb.Errorf("closing the server: %v", err)
	}
}

func (s *Server) auditFile() string { return filepath.Join(s.Dir, "audit.log") }

// Clock is a clock that stands still until it is moved. It is for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on, or back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
