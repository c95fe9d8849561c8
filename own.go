// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// own is the cache of this process, if it is needed: an agent has no way to set
// anything, and no paths.
type own struct {
	mu     sync.Mutex
	direct *direct
	closed bool
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
	return func() (store, error) {
		direct, err := o.get(cfg)
		if err != nil {
			return nil, err
		}
		return direct, nil
	}
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
