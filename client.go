// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// store is where a Client gets values: the cache of this process, or an agent.
type store interface {
	Get(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error)
	// Forget sees to it that the next Get of ref is not answered by what was kept
	// before, under whatever version. It fails silently.
	Forget(ctx context.Context, ref cache.Ref)
	Close()
}

var (
	_ store = (*direct)(nil)
	_ store = (*agentStore)(nil)
)

// Client reads secrets and parameters. The zero value is ready, and configured by the
// environment when it is first used. It is safe for concurrent use, and must not be
// copied.
type Client struct {
	config Config
	once   sync.Once
	store  store
	err    error
	own    own
}

// New returns a Client. What is wrong with its configuration is an error of its calls.
func New(cfg Config) *Client { return &Client{config: cfg} }

// Close ends what the client has started, and overwrites the values that it kept. The
// client can't be used after that.
func (c *Client) Close() {
	c.once.Do(func() { c.err = errClosed })
	if c.store != nil {
		c.store.Close()
	}
	c.own.mu.Lock()
	defer c.own.mu.Unlock()
	if c.own.closed = true; c.own.direct != nil && c.store != c.own.direct {
		c.own.direct.Close()
	}
}

var errClosed = errors.New("coffer: the client is closed")

// Get is like the function Get.
func (c *Client) Get(ctx context.Context, id string, options ...Option) (string, error) {
	s, err := c.Secret(ctx, id, options...)
	defer s.value.Wipe() // nobody else has it
	return s.Text(), err
}

// GetBytes is like the function GetBytes.
func (c *Client) GetBytes(ctx context.Context, id string, options ...Option) ([]byte, error) {
	s, err := c.Secret(ctx, id, options...)
	return s.value.Reveal(), err // nobody else has it
}

// GetJSON is like the function GetJSON, and decodes into what v points to.
func (c *Client) GetJSON(ctx context.Context, id string, v any, options ...Option) error {
	s, err := c.Secret(ctx, id, options...)
	if err != nil {
		return err
	}
	defer s.value.Wipe()
	return s.JSON(v)
}

// Secret returns a secret with all that is known of it.
func (c *Client) Secret(ctx context.Context, id string, options ...Option) (Secret, error) {
	answer, err := c.get(ctx, c.newQuery(cache.Ref{Kind: cache.Secret, ID: id}, options))
	if err != nil {
		return Secret{}, err
	}
	return secretOf(answer), nil
}

// Parameter is like the function Parameter.
func (c *Client) Parameter(ctx context.Context, name string, options ...Option) (string, error) {
	v, err := c.parameter(ctx, name, options)
	defer v.Wipe()
	return v.RevealString(), err
}

// ParameterJSON is like the function ParameterJSON, and decodes into what v points to.
func (c *Client) ParameterJSON(ctx context.Context, name string, v any, options ...Option) error {
	value, err := c.parameter(ctx, name, options)
	if err != nil {
		return err
	}
	defer value.Wipe()
	return decodeJSON(name, value, v)
}

func (c *Client) parameter(ctx context.Context, name string, options []Option) (secret.Value, error) {
	answer, err := c.get(ctx, c.newQuery(cache.Ref{Kind: cache.Parameter, ID: name, Decrypt: true}, options))
	return answer.Text, err
}

// With is like the function With.
func (c *Client) With(ctx context.Context, id string, fn func(Secret) error, options ...Option) error {
	q := c.newQuery(cache.Ref{Kind: cache.Secret, ID: id}, options)
	first, err := c.get(ctx, q)
	if err != nil {
		return err
	}
	err = fn(secretOf(first))
	if !errors.Is(err, ErrAuthentication) || q.ref.VersionID != "" {
		return err
	}
	second, failed := c.store.Failed(ctx, q.ref, first.VersionID)
	if failed != nil || second.VersionID == first.VersionID {
		second.Wipe()
		return err
	}
	if second, failed = q.apply(second); failed != nil {
		return failed
	}
	return fn(secretOf(second))
}

// get returns what q asks for, in the form that it asks for.
func (c *Client) get(ctx context.Context, q query) (cache.Answer, error) {
	if c.once.Do(c.configure); c.err != nil {
		return cache.Answer{}, c.err
	}
	answer, err := q.ask(ctx, c.store)
	if err != nil {
		return cache.Answer{}, wrap(q.ref.ID, err)
	}
	return q.apply(answer)
}

// configure finds the store.
func (c *Client) configure() {
	if c.config.Getenv == nil {
		c.config.Getenv = os.Getenv
	}
	if url, certain := agentURL(&c.config); url != "" {
		c.store, c.err = newAgentStore(url, &c.config, c.own.otherwise(&c.config, certain))
	} else if direct, err := c.own.get(&c.config); err != nil {
		c.err = err
	} else {
		c.store = direct
	}
}
