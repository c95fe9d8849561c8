// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fetchers is how many single calls are made at once for many refs. The source's
// connections bound that again.
const fetchers = 16

// Batcher is a Source that can fetch many things by fewer calls.
type Batcher interface {
	Source
	// FetchMany is Fetch of each ref. It calls done once for each, with its place in
	// refs, from any goroutine, and returns when it has called it for all.
	FetchMany(ctx context.Context, refs []Ref, done func(i int, v Value, err error))
}

// FetchMany asks a source for many things: in its own way if it is a Batcher, else one by
// one. It is what Batcher.FetchMany is.
func FetchMany(ctx context.Context, s Source, refs []Ref, done func(i int, v Value, err error)) {
	if b, ok := s.(Batcher); ok {
		b.FetchMany(ctx, refs, done)
		return
	}
	var wg sync.WaitGroup
	places := make(chan struct{}, fetchers)
	for i, ref := range refs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			v, err := s.Fetch(ctx, ref)
			done(i, v, err)
		})
	}
	wg.Wait()
}

// Fill fetches what of refs is not held and not being fetched, by as few calls as the
// source can do it, and waits for all of it. It tells what became of each ref, one after
// the other. Whoever asks for one of them meanwhile waits for the same call. If ctx ends
// first, Fill returns, and the fetch goes on. What is never held is left out.
func (c *Cache) Fill(ctx context.Context, refs []Ref, told func(ref Ref, err error)) {
	for _, f := range c.boardAll(refs) {
		select {
		case <-f.done:
			told(f.ref, f.err)
		case <-ctx.Done():
			return
		}
	}
}

// boarding is a flight that Fill began, and the entry that it is for.
type boarding struct {
	*flight
	entry *entry
}

// landed returns a flight that has ended.
func landed(ref Ref, err error) *flight {
	f := &flight{ref: ref, done: make(chan struct{}), err: err}
	close(f.done)
	return f
}

// boardAll returns the flights for refs, and begins those that there are not, as one.
func (c *Cache) boardAll(refs []Ref) []*flight {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*flight
	var begun []boarding
	for _, ref := range refs {
		if ref = ref.normal(); c.bypasses(ref) {
			continue
		}
		e, err := c.asked(ref, now)
		if err != nil {
			return []*flight{landed(ref, err)}
		}
		switch known := e.state(now); {
		case e.flight != nil:
			all = append(all, e.flight)
		case known == absent || known == lapsed:
			e.flight = &flight{ref: ref, done: make(chan struct{})}
			all, begun = append(all, e.flight), append(begun, boarding{e.flight, e})
		default:
			all = append(all, landed(ref, e.err))
		}
	}
	if len(begun) > 0 {
		c.shrink()
		c.flying.Go(func() { c.fetchAll(begun) })
	}
	return all
}

var errForgotten = errors.New("cache: the source did not answer")

// fetchAll is what start does, for many.
func (c *Cache) fetchAll(begun []boarding) {
	ctx, cancel := c.ctx, context.CancelFunc(func() {})
	if timeout := c.longest(begun); timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	refs := make([]Ref, len(begun))
	for i, b := range begun {
		refs[i] = b.ref
	}
	FetchMany(ctx, c.source, refs, func(i int, v Value, err error) {
		v, err = c.judge(c.ctx, ctx, v, err)
		c.finish(begun[i].entry, begun[i].flight, v, err)
	})
	for _, b := range begun {
		select {
		case <-b.done:
		default:
			c.finish(b.entry, b.flight, Value{}, errForgotten)
		}
	}
}

// longest is the time that the policies leave for all of the fetches, or zero.
func (c *Cache) longest(begun []boarding) time.Duration {
	var most time.Duration
	for _, b := range begun {
		timeout := c.policies[b.ref.Kind].Timeout
		if timeout <= 0 {
			return 0
		}
		most = max(most, timeout)
	}
	return most
}
