// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is AWS with one secret, db, and one parameter, /p.
type service struct {
	mu      sync.Mutex
	current int // the version that is AWSCURRENT
	value   string
	fault   string
	calls   []string
	url     string
}

func newService(t testing.TB) *service {
	s := &service{current: 1}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ SecretID, VersionID, VersionStage, Name string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.calls = append(s.calls, operation+" "+string(body))
	version := s.current
	if in.VersionStage == "AWSPREVIOUS" {
		version--
	}
	value := s.value
	if value == "" {
		value = fmt.Sprint("value ", version)
	}
	switch {
	case s.fault != "":
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"__type":%q,"message":"told why"}`, s.fault)
	case operation == "GetParameter":
		fmt.Fprintf(w, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:000000000000:parameter/p","Name":"/p","Type":"SecureString","Value":%q,"Version":%d}}`, value, version)
	case in.SecretID == "binary":
		fmt.Fprint(w, `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:binary-AbCdEf","Name":"binary","VersionId":"v1","SecretBinary":"AAH/"}`)
	default:
		fmt.Fprintf(w, `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf","Name":"db","VersionId":"v%d","SecretString":%q,"VersionStages":["AWSCURRENT"],"CreatedDate":%d}`, version, value, version)
	}
}

func (s *service) set(f func(*service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// env is an environment with credentials, and what else is given.
func env(pairs ...string) func(string) string {
	m := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "token"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// both runs a test with a client that asks the service itself, and with one that asks an
// agent.
func both(t *testing.T, test func(*testing.T, *service, *coffer.Client)) {
	t.Parallel()
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		c := coffer.New(coffer.Config{Endpoint: s.url, Getenv: env()})
		defer c.Close()
		test(t, s, c)
	})
	t.Run("through an agent", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		c := coffer.New(coffer.Config{Agent: newAgent(t, s), Getenv: env()})
		defer c.Close()
		test(t, s, c)
	})
}

// newAgent returns the URL of an agent over the service.
func newAgent(t testing.TB, s *service) string {
	t.Helper()
	return agentOver(t, client.Config{Endpoint: s.url, Getenv: env()})
}

// agentOver returns the URL of an agent, whose token is "token".
func agentOver(t testing.TB, cfg client.Config) string {
	t.Helper()
	caller, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	held, err := cache.New(cache.Config{Source: aws.New(caller)})
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(agent.Config{Store: held, Tokens: []secret.Value{secret.FromString("token")}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a)
	t.Cleanup(func() { srv.Close(); held.Close(); caller.Forget() })
	return srv.URL
}

// everywhere is both over a whole server. A change that a test makes on the server is seen
// by a client that asks for a fresh value.
func everywhere(t *testing.T, seeds []coffertest.Option, test func(*testing.T, *coffertest.Server, *coffer.Client)) {
	t.Parallel()
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		srv := coffertest.NewServer(t, seeds...)
		test(t, srv, srv.Client())
	})
	t.Run("through an agent", func(t *testing.T) {
		t.Parallel()
		srv := coffertest.NewServer(t, seeds...)
		cfg := srv.Config()
		cfg.Agent = agentOver(t, client.Config{Endpoint: srv.URL, Getenv: cfg.Getenv})
		cfg.AgentToken = "token"
		c := coffer.New(cfg)
		t.Cleanup(c.Close)
		test(t, srv, c)
	})
}

var background = context.Background()
