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
		}
		c.leave(f)
	}
}

// landed returns a flight that has ended.
func landed(ref Ref, err error) *flight {
	f := &flight{ref: ref, done: make(chan struct{}), err: err}
	close(f.done)
	return f
}

// convoy is the flights that Fill began, and the entries that they are for. It ends when
// all of them are cut.
type convoy struct {
	flights []*flight
	entries []*entry
	ctx     context.Context
	cancel  context.CancelFunc
	cut     int // flights; the cache's lock guards it
}

// cutOne is the cancel of each flight, which is called once and with the lock held.
func (v *convoy) cutOne() {
	if v.cut++; v.cut == len(v.flights) {
		v.cancel()
	}
}

// boardAll joins the flights for refs, and begins those that there are not, as one.
func (c *Cache) boardAll(refs []Ref) []*flight {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*flight
	begun := new(convoy)
	for _, ref := range refs {
		if ref = ref.normal(); c.bypasses(ref) {
			continue
		}
		e, err := c.asked(ref, now)
		if err != nil {
			return []*flight{landed(ref, err).join()}
		}
		var f *flight
		switch known := e.state(now); {
		case e.flying(now):
			f = e.flight
		case known == absent || known == lapsed:
			f = c.depart(e, ref, begun.cutOne)
			begun.flights, begun.entries = append(begun.flights, f), append(begun.entries, e)
		default:
			f = landed(ref, e.err)
		}
		all = append(all, f.join())
	}
	if len(begun.flights) > 0 {
		c.shrink()
		begun.ctx, begun.cancel = context.WithCancel(c.ctx)
		c.flying.Go(func() { c.fetchAll(begun) })
	}
	return all
}

var errForgotten = errors.New("cache: the source did not answer")

// fetchAll is what start does, for many.
func (c *Cache) fetchAll(v *convoy) {
	defer v.cancel()
	limited, cancel := v.ctx, context.CancelFunc(func() {})
	if timeout := c.longest(v.flights); timeout > 0 {
		limited, cancel = context.WithTimeout(v.ctx, timeout)
	}
	defer cancel()
	refs := make([]Ref, len(v.flights))
	for i, f := range v.flights {
		refs[i] = f.ref
	}
	FetchMany(limited, c.source, refs, func(i int, value Value, err error) {
		value, err = c.judge(v.ctx, limited, value, err)
		c.finish(v.entries[i], v.flights[i], value, err)
	})
	for i, f := range v.flights {
		select {
		case <-f.done:
		default:
			c.finish(v.entries[i], f, Value{}, errForgotten)
		}
	}
}

// longest is the time that the policies leave for all of the fetches, or zero.
func (c *Cache) longest(flights []*flight) time.Duration {
	var most time.Duration
	for _, f := range flights {
		timeout := c.policies[f.ref.Kind].Timeout
		if timeout <= 0 {
			return 0
		}
		most = max(most, timeout)
	}
	return most
}
