// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// atOnce is how many things one call asks for at the same time.
const atOnce = 8

// each calls fn for the numbers below n, some at a time, and returns when all have ended.
func each(n int, fn func(i int)) {
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			fn(i)
		})
	}
	wg.Wait()
}

// Parameters is like the function Parameters.
func (c *Client) Parameters(ctx context.Context, names []string, options ...Option) (map[string]string, error) {
	values, failed := make(map[string]string, len(names)), Errors{}
	var mu sync.Mutex
	each(len(names), func(i int) {
		value, err := c.Parameter(ctx, names[i], options...)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed[names[i]] = err
		} else {
			values[names[i]] = value
		}
	})
	return values, failed.or()
}

// ParametersByPath is like the function ParametersByPath.
func (c *Client) ParametersByPath(ctx context.Context, path string, options ...Option) (map[string]string, error) {
	own, err := c.source()
	if err != nil {
		return nil, err
	}
	q := c.newQuery(cache.Ref{Kind: cache.Parameter, Decrypt: true}, options)
	q.ref.ID = pathID(path, q.oneLevel)
	q.ref.VersionID, q.ref.Stage = "", ""
	answer, err := q.ask(ctx, own)
	if err != nil {
		return nil, wrap(path, err)
	}
	defer answer.Wipe()
	var held map[string]string
	if err := json.Unmarshal(answer.Text.Reveal(), &held); err != nil {
		return nil, wrap(path, errors.New("what is kept can't be read"))
	}
	values, failed := make(map[string]string, len(held)), Errors{}
	for name, value := range held {
		v, err := q.transform(name, secret.FromString(value))
		if err != nil {
			failed[name] = err
			continue
		}
		values[strings.TrimPrefix(strings.TrimPrefix(name, path), "/")] = v.RevealString()
		v.Wipe()
	}
	return values, failed.or()
}

// pathMark begins the ids under which a cache holds the parameters below a path: all of
// them as one value, a JSON object. No parameter's name has such a character.
const pathMark = "\x00"

func pathID(path string, oneLevel bool) string {
	if oneLevel {
		return pathMark + "one" + pathMark + path
	}
	return pathMark + "all" + pathMark + path
}

// paths is a source that has paths too.
type paths struct {
	cache.Source
	caller awsjson.Caller
}

// Fetch implements cache.Source.
func (p paths) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	id, marked := strings.CutPrefix(ref.ID, pathMark)
	if !marked {
		return p.Source.Fetch(ctx, ref)
	}
	depth, path, _ := strings.Cut(id, pathMark)
	values, err := p.below(ctx, path, depth == "all")
	if client.Unavailable(err) {
		err = &cache.Unavailable{Err: err}
	}
	if err != nil {
		return cache.Value{}, err
	}
	b, err := json.Marshal(values)
	return cache.Value{Text: secret.New(b)}, err
}

// maxPages bounds the calls for one path: 10 parameters each is what AWS allows
// (Systems Manager API Reference, GetParametersByPath), and 1,000 pages all that a
// Standard tier can have in a region.
const maxPages = 1000

func (p paths) below(ctx context.Context, path string, recursive bool) (map[string]string, error) {
	in := &ssm.GetParametersByPathInput{
		Path: &path, Recursive: &recursive, WithDecryption: new(true), MaxResults: new(int32(10)),
	}
	values := map[string]string{}
	for range maxPages {
		out, err := awsjson.Do(ctx, p.caller, ssm.GetParametersByPath, in)
		if err != nil {
			return nil, err
		}
		for i := range out.Parameters {
			got := &out.Parameters[i]
			values[text(got.Name)] = got.Value.RevealString()
			got.Value.Wipe()
		}
		if text(out.NextToken) == "" {
			return values, nil
		}
		in.NextToken = out.NextToken
	}
	return nil, fmt.Errorf("more than %d parameters", maxPages*10)
}
