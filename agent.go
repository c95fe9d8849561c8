// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/coffer-secrets/coffer/internal/agentclient"
	"github.com/coffer-secrets/coffer/internal/cache"
)

// agentURL returns where to ask for an agent, and whether it is certain that there is one.
func agentURL(cfg *Config) (url string, certain bool) {
	switch {
	case cfg.Agent == "off":
		return "", true
	case cfg.Agent != "":
		return strings.TrimSuffix(cfg.Agent, "/"), true
	case cfg.Endpoint != "" && cfg.Getenv("COFFER_AGENT") == "":
		return "", true
	}
	return agentclient.Find(cfg.Getenv)
}

// agentStore asks an agent, which keeps values for all processes beside it.
type agentStore struct {
	agent *agentclient.Client

	// otherwise returns the store to use if nothing listens where an agent might be. It is
	// nil where one must be.
	otherwise func() (store, error)
	mu        sync.Mutex
	instead   store
}

func newAgentStore(base string, cfg *Config, otherwise func() (store, error)) (store, error) {
	token := cfg.AgentToken
	if token == "" {
		var err error
		if token, err = agentclient.Token(cfg.Getenv); err != nil {
			return nil, fmt.Errorf("coffer: %w", err)
		}
	}
	agent, err := agentclient.New(base, token)
	if err != nil {
		return nil, fmt.Errorf("coffer: %w", err)
	}
	return &agentStore{agent: agent, otherwise: otherwise}, nil
}

// Get implements store.
func (s *agentStore) Get(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.ask(func(a asked) (cache.Answer, error) { return a.Get(ctx, ref) })
}

// Refresh implements store.
func (s *agentStore) Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.ask(func(a asked) (cache.Answer, error) { return a.Refresh(ctx, ref) })
}

// Failed implements store.
func (s *agentStore) Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error) {
	return s.ask(func(a asked) (cache.Answer, error) { return a.Failed(ctx, ref, versionID) })
}

// Close implements store.
func (s *agentStore) Close() { s.agent.Close() }

// Forget implements store: the agent asks the source again.
func (s *agentStore) Forget(ctx context.Context, ref cache.Ref) {
	if answer, err := s.Refresh(ctx, ref); err == nil {
		answer.Wipe()
	}
}

// asked is what an agent and a store have in common.
type asked interface {
	Get(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error)
}

// ask asks the agent, or, if there turns out to be none, the other store, from then on.
func (s *agentStore) ask(question func(asked) (cache.Answer, error)) (cache.Answer, error) {
	s.mu.Lock()
	instead := s.instead
	s.mu.Unlock()
	if instead != nil {
		return question(instead)
	}
	answer, err := question(s.agent)
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
	return question(instead)
}
