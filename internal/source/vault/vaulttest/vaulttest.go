// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package vaulttest is a Vault server for tests: as much of its HTTP API as a reader of
// secrets meets, by its documentation, in memory and by a clock of the test's. The real
// server is in test/vault.
package vaulttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is an http.RoundTripper that answers as Vault does. Its fields are changed
// within Set.
type Server struct {
	// Now is the server's clock.
	Now func() time.Time
	// Versioned is a KV engine of version 2 at secret/: the versions of each secret. An
	// empty one is deleted.
	Versioned map[string][]string
	// Plain is a KV engine of version 1 at plain/.
	Plain map[string]string
	// TokenLife and TokenMax are how long tokens live from their last renewal and from
	// their beginning; TokenFixed ones are not renewed.
	TokenLife, TokenMax time.Duration
	TokenFixed          bool
	// LeaseLife and LeaseMax are the same for what is at database/creds/.
	LeaseLife, LeaseMax time.Duration
	LeaseFixed          bool
	// HideMounts keeps the versions of engines to itself.
	HideMounts bool
	// Fault is asked before everything else. What it returns is the outcome, unless both
	// are nil.
	Fault func(*http.Request) (*http.Response, error)

	mu      sync.Mutex
	calls   []string
	logins  []string
	headers []http.Header
	tokens  map[string]*life
	leases  map[string]*life
	dropped int
}

// life is that of a token or of a lease.
type life struct {
	parent      string
	began, ends time.Time
}

// New returns a server with an hour's tokens and leases.
func New(now func() time.Time) *Server {
	return &Server{
		Now: now, TokenLife: time.Hour, TokenMax: 24 * time.Hour, LeaseLife: time.Hour, LeaseMax: 24 * time.Hour,
		Versioned: map[string][]string{}, Plain: map[string]string{}, tokens: map[string]*life{}, leases: map[string]*life{},
	}
}

// Set changes the server between two requests.
func (s *Server) Set(f func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// Calls returns the method and path of each request since it was called last.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// Logins returns the bodies of all logins.
func (s *Server) Logins() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logins)
}

// Header returns the header of the last request.
func (s *Server) Header() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headers[len(s.headers)-1]
}

// Dropped returns how often connections were dropped.
func (s *Server) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Revoke ends all tokens, and so all leases.
func (s *Server) Revoke() { s.Set(func(s *Server) { clear(s.tokens) }) }

// RevokeLeases ends all leases.
func (s *Server) RevokeLeases() { s.Set(func(s *Server) { clear(s.leases) }) }

// AddToken adds a token. A life of zero is for ever.
func (s *Server) AddToken(token string, lives time.Duration) {
	s.Set(func(s *Server) {
		l := &life{began: s.Now()}
		if lives > 0 {
			l.ends = s.Now().Add(lives)
		}
		s.tokens[token] = l
	})
}

// CloseIdleConnections counts.
func (s *Server) CloseIdleConnections() { s.Set(func(s *Server) { s.dropped++ }) }

// RoundTrip implements http.RoundTripper.
func (s *Server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	fault := s.Fault
	s.mu.Unlock()
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	path := strings.TrimPrefix(req.URL.Path, "/v1/")
	s.Set(func(s *Server) {
		s.calls = append(s.calls, req.Method+" "+path)
		s.headers = append(s.headers, req.Header.Clone())
	})
	if fault != nil {
		if res, err := fault(req); res != nil || err != nil {
			return res, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, text := s.answer(req, path, body)
	return Answer(status, text), nil
}

// Answer returns an answer with that body.
func Answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// Refusal returns an answer that is an error.
func Refusal(status int, message string) *http.Response {
	return Answer(status, fmt.Sprintf(`{"errors":[%q]}`, message))
}

// Down is a Fault: nobody answers.
func Down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// Hanging is a Fault: nobody answers until the caller gives up.
func Hanging(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// Sealed is a Fault.
func Sealed(*http.Request) (*http.Response, error) { return Refusal(503, "Vault is sealed"), nil }

// answer answers. The caller holds the lock.
func (s *Server) answer(req *http.Request, path string, body []byte) (int, string) {
	if strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login") {
		s.logins = append(s.logins, string(bytes.Clone(body)))
		return s.login()
	}
	token := req.Header.Get("X-Vault-Token")
	own := s.tokens[token]
	if own == nil || !own.ends.IsZero() && !s.Now().Before(own.ends) {
		return refuse(403, "permission denied", "invalid token")
	}
	kind, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "auth/token/lookup-self":
		return s.lookUp(token, own)
	case path == "auth/token/renew-self":
		return s.renew(own)
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		return s.mount(strings.TrimPrefix(path, "sys/internal/ui/mounts/"))
	case strings.HasPrefix(path, "sys/leases/"):
		return s.lease(strings.TrimPrefix(path, "sys/leases/"), body)
	case kind == "secret":
		return s.versioned(rest, req.URL.Query().Get("version"))
	case kind == "plain" && s.Plain[rest] != "":
		return 200, fmt.Sprintf(`{"lease_id":"","lease_duration":2764800,"renewable":false,"data":%s}`, s.Plain[rest])
	case strings.HasPrefix(path, "database/creds/"):
		return s.credentials(token, path)
	case path == "denied/x":
		return refuse(403, "1 error occurred:\n\t* permission denied\n\n")
	}
	return refuse(404)
}

func refuse(status int, messages ...string) (int, string) {
	b, _ := json.Marshal(map[string]any{"errors": append([]string{}, messages...)})
	return status, string(b)
}

func (s *Server) login() (int, string) {
	token := fmt.Sprintf("hvs.t0ken-%d", len(s.logins))
	s.tokens[token] = &life{began: s.Now(), ends: s.Now().Add(s.TokenLife)}
	return 200, fmt.Sprintf(`{"auth":{"client_token":%q,"lease_duration":%d,"renewable":%t}}`, token, int(s.TokenLife.Seconds()), !s.TokenFixed)
}

func (s *Server) lookUp(token string, l *life) (int, string) {
	ttl := 0
	if !l.ends.IsZero() {
		ttl = int(l.ends.Sub(s.Now()).Seconds())
	}
	return 200, fmt.Sprintf(`{"data":{"id":%q,"ttl":%d,"renewable":%t}}`, token, ttl, ttl > 0 && !s.TokenFixed)
}

func (s *Server) renew(l *life) (int, string) {
	if s.TokenFixed {
		return refuse(400, "lease is not renewable")
	}
	l.ends = earlier(s.Now().Add(s.TokenLife), l.began.Add(s.TokenMax))
	return 200, fmt.Sprintf(`{"auth":{"client_token":"hvs.x","lease_duration":%d,"renewable":true}}`, int(l.ends.Sub(s.Now()).Seconds()))
}

func (s *Server) mount(path string) (int, string) {
	kind, _, _ := strings.Cut(path, "/")
	switch {
	case s.HideMounts:
		return refuse(403, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"/\"")
	case kind == "secret":
		return 200, `{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}`
	case kind == "plain":
		return 200, `{"data":{"path":"plain/","type":"kv","options":null}}`
	case kind == "database":
		return 200, `{"data":{"path":"database/","type":"database","options":null}}`
	}
	return refuse(403, "preflight capability check returned 403")
}

func (s *Server) versioned(path, version string) (int, string) {
	name, ok := strings.CutPrefix(path, "data/")
	if !ok {
		return 404, `{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."]}`
	}
	all := s.Versioned[name]
	n := len(all)
	if version != "" {
		_, _ = fmt.Sscan(version, &n)
	}
	if n < 1 || n > len(all) {
		return refuse(404)
	}
	metadata := fmt.Sprintf(`{"created_time":"2026-11-%02dT10:00:00.123456789Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":%d}`, n, n)
	if all[n-1] == "" {
		return 404, `{"data":{"data":null,"metadata":` + metadata + `}}`
	}
	return 200, `{"lease_id":"","lease_duration":0,"renewable":false,"data":{"data":` + all[n-1] + `,"metadata":` + metadata + `}}`
}

func (s *Server) credentials(token, path string) (int, string) {
	id := fmt.Sprintf("%s/l%d", path, len(s.leases)+1)
	for s.leases[id] != nil {
		id += "x"
	}
	s.leases[id] = &life{token, s.Now(), s.Now().Add(s.LeaseLife)}
	return 200, fmt.Sprintf(`{"lease_id":%q,"lease_duration":%d,"renewable":%t,"data":{"username":"u%d","password":"s3cret %[4]d"}}`,
		id, int(s.LeaseLife.Seconds()), !s.LeaseFixed, len(s.leases))
}

func (s *Server) lease(operation string, body []byte) (int, string) {
	var ask struct {
		ID string `json:"lease_id"`
	}
	_ = json.Unmarshal(body, &ask)
	l := s.leases[ask.ID]
	switch {
	case l == nil, s.tokens[l.parent] == nil, !s.Now().Before(l.ends):
		delete(s.leases, ask.ID)
		return refuse(400, "invalid lease")
	case operation == "lookup":
		return 200, fmt.Sprintf(`{"data":{"id":%q,"ttl":%d}}`, ask.ID, int(l.ends.Sub(s.Now()).Seconds()))
	case s.LeaseFixed:
		return refuse(400, "lease is not renewable")
	}
	l.ends = earlier(s.Now().Add(s.LeaseLife), l.began.Add(s.LeaseMax))
	return 200, fmt.Sprintf(`{"lease_id":%q,"lease_duration":%d,"renewable":true}`, ask.ID, int(l.ends.Sub(s.Now()).Seconds()))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
