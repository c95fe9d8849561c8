// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
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
	// Defaults are options of every call, before its own.
	Defaults []Option
	// Getenv reads the environment. Nil means os.Getenv.
	Getenv func(string) string
}

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

// own is the cache of this process, if it is needed: an agent has no way to set
// anything, and no paths.
type own struct {
	mu     sync.Mutex
	direct *direct
	closed bool
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

// ask gets the answer from a store, no older than it may be.
func (q *query) ask(ctx context.Context, from store) (cache.Answer, error) {
	if q.fresh {
		return from.Refresh(ctx, q.ref)
	}
	held, err := from.Get(ctx, q.ref)
	if err != nil || q.maxAge <= 0 || held.Age < q.maxAge || held.Status == cache.Stale {
		return held, err
	}
	answer, err := from.Refresh(ctx, q.ref)
	if wrapped := wrap(q.ref.ID, err); errors.Is(wrapped, ErrUnavailable) {
		held.Status = cache.Stale
		return held, nil
	}
	held.Wipe()
	return answer, err
}

// apply makes of an answer what q asks for.
func (q *query) apply(a cache.Answer) (cache.Answer, error) {
	if q.encoding == Plain && q.field == "" {
		return a, nil
	}
	value := &a.Text
	if value.IsZero() {
		value = &a.Binary
	}
	var err error
	if *value, err = q.transform(q.ref.ID, *value); err != nil {
		return cache.Answer{}, err
	}
	return a, nil
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

// source returns the cache of this process over the service itself.
func (c *Client) source() (*direct, error) {
	if c.once.Do(c.configure); c.err != nil {
		return nil, c.err
	}
	return c.own.get(&c.config)
}

// get returns the cache, which it makes when it is first asked for.
func (o *own) get(cfg *Config) (*direct, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errClosed
	}
	if o.direct != nil {
		return o.direct, nil
	}
	made, err := newDirect(cfg)
	if err == nil {
		o.direct = made
	}
	return made, err
}

// otherwise returns where to turn to if nothing listens where an agent might be, or nil
// if there must be one.
func (o *own) otherwise(cfg *Config, certain bool) func() (store, error) {
	if certain {
		return nil
	}
	return func() (store, error) { return o.get(cfg) }
}

// direct is a cache in this process over the service itself.
type direct struct {
	*cache.Cache
	client *client.Client
}

func newDirect(cfg *Config) (*direct, error) {
	caller, err := client.New(client.Config{
		Getenv: cfg.Getenv, Endpoint: cfg.Endpoint, Region: cfg.Region, UserAgent: "coffer-go",
	})
	if err != nil {
		return nil, err
	}
	policy := cache.Policy{TTL: max(0, cfg.TTL), Bypass: cfg.TTL < 0, Stale: cfg.Stale}
	held, err := cache.New(cache.Config{Source: paths{aws.New(caller), caller}, Secrets: policy, Parameters: policy})
	if err != nil {
		return nil, err
	}
	return &direct{held, caller}, nil
}

// Forget implements store. A parameter may be in any path.
func (d *direct) Forget(_ context.Context, ref cache.Ref) {
	d.Cache.Forget(func(r cache.Ref) bool {
		return r.Kind == ref.Kind && (r.ID == ref.ID || strings.HasPrefix(r.ID, pathMark))
	})
}

// Close implements store.
func (d *direct) Close() {
	d.Cache.Close()
	d.client.Forget()
}
