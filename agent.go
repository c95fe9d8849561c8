// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

const (
	// dialTimeout bounds a connection to an agent, which is on this machine.
	dialTimeout = time.Second
	defaultPort = "2773" // the AWS extension's
)

// agentURL returns where to ask for an agent, and whether it is certain that there is one.
func agentURL(cfg *Config) (url string, certain bool) {
	if url = cfg.Agent; url == "" {
		url = cfg.Getenv("COFFER_AGENT")
	}
	switch {
	case url == "off":
		return "", true
	case url != "":
		return strings.TrimSuffix(url, "/"), true
	case cfg.Endpoint != "":
		return "", true
	}
	port := cfg.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
	if port == "" && cfg.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return "", true
	}
	if port == "" {
		port = defaultPort
	}
	return "http://" + net.JoinHostPort("127.0.0.1", port), false
}

// agentStore asks an agent, which keeps values for all processes beside it.
type agentStore struct {
	base      string
	token     string
	transport *http.Transport

	// otherwise returns the store to use if nothing listens where an agent might be. It is
	// nil where one must be.
	otherwise func() (store, error)
	mu        sync.Mutex
	instead   store
}

func newAgentStore(base string, cfg *Config, otherwise func() (store, error)) (store, error) {
	token, err := agentToken(cfg)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("coffer: the agent's address is not an http URL")
	}
	return &agentStore{base: base, token: token, otherwise: otherwise, transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, DisableCompression: true,
	}}, nil
}

func agentToken(cfg *Config) (string, error) {
	if cfg.AgentToken != "" {
		return cfg.AgentToken, nil
	}
	if t := cfg.Getenv("COFFER_AGENT_TOKEN"); t != "" {
		return t, nil
	}
	if file := cfg.Getenv("COFFER_AGENT_TOKEN_FILE"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("coffer: COFFER_AGENT_TOKEN_FILE: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if t := cfg.Getenv("AWS_SESSION_TOKEN"); t != "" {
		return t, nil
	}
	return cfg.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), nil
}

// Get implements store.
func (s *agentStore) Get(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.ask(ctx, http.MethodGet, ref, url.Values{}, func(other store) (cache.Answer, error) { return other.Get(ctx, ref) })
}

// Refresh implements store.
func (s *agentStore) Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.ask(ctx, http.MethodGet, ref, url.Values{"refreshNow": {"true"}}, func(other store) (cache.Answer, error) {
		return other.Refresh(ctx, ref)
	})
}

// Failed implements store.
func (s *agentStore) Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error) {
	return s.ask(ctx, http.MethodPost, ref, url.Values{"versionId": {versionID}}, func(other store) (cache.Answer, error) {
		return other.Failed(ctx, ref, versionID)
	})
}

// Close implements store.
func (s *agentStore) Close() { s.transport.CloseIdleConnections() }

// Forget implements store: the agent asks the source again.
func (s *agentStore) Forget(ctx context.Context, ref cache.Ref) {
	if answer, err := s.Refresh(ctx, ref); err == nil {
		answer.Wipe()
	}
}

// ask asks the agent, or, if there turns out to be none, the other store, from then on.
func (s *agentStore) ask(ctx context.Context, method string, ref cache.Ref, query url.Values, direct func(store) (cache.Answer, error)) (cache.Answer, error) {
	s.mu.Lock()
	instead := s.instead
	s.mu.Unlock()
	if instead != nil {
		return direct(instead)
	}
	answer, err := s.send(ctx, method, ref, query)
	if s.otherwise == nil || !errors.Is(err, syscall.ECONNREFUSED) {
		return answer, err
	}
	s.mu.Lock()
	if s.instead == nil {
		if s.instead, err = s.otherwise(); err != nil {
			s.mu.Unlock()
			return cache.Answer{}, err
		}
	}
	instead = s.instead
	s.mu.Unlock()
	return direct(instead)
}
