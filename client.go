// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// Config says where a Client gets secrets from. Its zero value is what the environment
// says.
type Config struct {
	// Agent is the URL of an extension or agent to ask, or "off" for none. Empty means
	// COFFER_AGENT; and if that is empty too, the extension of the Lambda function
	// that this is, if it has one.
	Agent string
	// AgentToken is what to show to the agent. Empty means COFFER_AGENT_TOKEN, the
	// content of COFFER_AGENT_TOKEN_FILE, AWS_SESSION_TOKEN or
	// AWS_CONTAINER_AUTHORIZATION_TOKEN.
	AgentToken string
	// Endpoint is the URL of a Coffer server, or of what else speaks AWS's protocol.
	// Empty means COFFER_ENDPOINT, AWS_ENDPOINT_URL_SECRETS_MANAGER and so on, or AWS.
	Endpoint string
	// Region is AWS's. Empty means AWS_REGION or AWS_DEFAULT_REGION.
	Region string
	// TTL is how long a value is fresh in this process. Zero means five minutes, less
	// than zero that nothing is kept. An agent has a TTL of its own.
	TTL time.Duration
	// Stale is for how long after that it may stand in for a source that can't be
	// reached. Zero means an hour, less than zero never.
	Stale time.Duration
	// Getenv reads the environment. Nil means os.Getenv.
	Getenv func(string) string
}

// store is where a Client gets values: the cache of this process, or an agent.
type store interface {
	Get(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error)
	Close()
}

var (
	_ store = direct{}
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
}

// New returns a Client. What is wrong with its configuration is an error of its calls.
func New(cfg Config) *Client { return &Client{config: cfg} }

// Close ends what the client has started, and overwrites the values that it kept. The
// client can't be used after that.
func (c *Client) Close() {
	c.once.Do(func() { c.err = errors.New("coffer: the client is closed") })
	if c.store != nil {
		c.store.Close()
	}
}

// Get is like the function Get.
func (c *Client) Get(ctx context.Context, id string, options ...Option) (string, error) {
	s, err := c.Secret(ctx, id, options...)
	defer s.value.Wipe() // nobody else has it
	return s.Text(), err
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
	answer, err := c.get(ctx, newQuery(cache.Ref{Kind: cache.Secret, ID: id}, options))
	if err != nil {
		return Secret{}, err
	}
	return secretOf(answer), nil
}

// Parameter is like the function Parameter.
func (c *Client) Parameter(ctx context.Context, name string, options ...Option) (string, error) {
	answer, err := c.get(ctx, newQuery(cache.Ref{Kind: cache.Parameter, ID: name, Decrypt: true}, options))
	if err != nil {
		return "", err
	}
	defer answer.Wipe()
	return answer.Text.RevealString(), nil
}

// With is like the function With.
func (c *Client) With(ctx context.Context, id string, fn func(Secret) error, options ...Option) error {
	q := newQuery(cache.Ref{Kind: cache.Secret, ID: id}, options)
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
		return err
	}
	return fn(secretOf(second))
}

func (c *Client) get(ctx context.Context, q query) (cache.Answer, error) {
	if c.once.Do(c.configure); c.err != nil {
		return cache.Answer{}, c.err
	}
	get := c.store.Get
	if q.fresh {
		get = c.store.Refresh
	}
	answer, err := get(ctx, q.ref)
	return answer, wrap(q.ref.ID, err)
}

// configure finds the store.
func (c *Client) configure() {
	if c.config.Getenv == nil {
		c.config.Getenv = os.Getenv
	}
	if url, certain := agentURL(&c.config); url != "" {
		c.store, c.err = newAgentStore(url, &c.config, !certain)
	} else {
		c.store, c.err = newDirect(&c.config)
	}
}

// direct is a cache in this process over the service itself.
type direct struct {
	*cache.Cache
	client *client.Client
}

func newDirect(cfg *Config) (store, error) {
	caller, err := client.New(client.Config{
		Getenv: cfg.Getenv, Endpoint: cfg.Endpoint, Region: cfg.Region, UserAgent: "coffer-go",
	})
	if err != nil {
		return nil, err
	}
	policy := cache.Policy{TTL: max(0, cfg.TTL), Bypass: cfg.TTL < 0, Stale: cfg.Stale}
	held, err := cache.New(cache.Config{Source: aws.New(caller), Secrets: policy, Parameters: policy})
	if err != nil {
		return nil, err
	}
	return direct{held, caller}, nil
}

// Close implements store.
func (d direct) Close() {
	d.Cache.Close()
	d.client.Forget()
}
