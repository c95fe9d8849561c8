// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"slices"
	"time"
)

// patience is how long a caller waits for the source when a stale value could be the
// answer.
const patience = time.Second

// flight is one call to the source, and those who wait for it.
type flight struct {
	ref    Ref
	done   chan struct{} // closed when answer and err are set
	cancel context.CancelFunc
	ends   time.Time // by the wall clock; zero if it has no timeout

	// The cache's lock guards what follows.
	waiting  int
	detached bool // the entry has another flight by now, or none
	answer   Answer
	err      error
}

// start asks the source on behalf of e, in place of a flight that is overdue. The caller
// holds the lock.
func (c *Cache) start(e *entry, ref Ref) *flight {
	ctx, cancel := context.WithCancel(c.ctx)
	f := c.depart(e, ref, cancel)
	c.flying.Go(func() {
		defer cancel()
		v, err := c.fetch(ctx, ref)
		c.finish(e, f, v, err)
	})
	return f
}

// depart gives e a new flight, which cancel ends. The caller holds the lock.
func (c *Cache) depart(e *entry, ref Ref, cancel context.CancelFunc) *flight {
	if e.flight != nil {
		e.detach()
	}
	f := &flight{ref: ref, done: make(chan struct{}), cancel: cancel}
	if timeout := c.policies[ref.Kind].Timeout; timeout > 0 {
		f.ends = c.now().Add(timeout)
	}
	e.flight = f
	return f
}

// fetch asks the source within the policy's timeout, whose end means that the source
// is unavailable.
func (c *Cache) fetch(ctx context.Context, ref Ref) (Value, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout := c.policies[ref.Kind].Timeout; timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	v, err := c.source.Fetch(limited, ref)
	return c.judge(ctx, limited, v, err)
}

// judge makes of an answer of the source what it counts for. The context limited is ctx
// with the policy's timeout.
func (c *Cache) judge(ctx, limited context.Context, v Value, err error) (Value, error) {
	if err != nil {
		v = Value{}
		if ctx.Err() == nil && limited.Err() != nil && !isUnavailable(err) {
			err = &Unavailable{err}
		}
	}
	c.observe(err)
	return v, err
}

// finish takes over what the source said, and tells those who wait.
func (c *Cache) finish(e *entry, f *flight, v Value, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.detached {
		f.part(v, err, c.now())
		return
	}
	e.flight = nil
	now := c.now()
	_, held := c.items[e]
	switch {
	case err != nil:
		c.failing(e, f, now, err)
	case !held || c.paused.Load() || pendingOnly(&v):
		c.drop(e)
		if f.answer = given(v, now); f.waiting == 0 {
			v.Wipe()
		}
	default:
		e = c.learn(e, f.ref, &v)
		life := lifetime{c.policies[f.ref.Kind], f.ref.permanent(), c.jitter()}
		status := Miss
		if v.AsOf.IsZero() {
			e.install(v, now, life)
		} else {
			e.makeDo(v, now, life)
			status = Stale
		}
		c.note(e)
		if f.waiting > 0 {
			f.answer = e.answer(status, now)
		}
	}
	c.weigh(e)
	c.shrink()
	close(f.done)
}

// failing notes an error of the source, and finds what to tell those who wait.
func (c *Cache) failing(e *entry, f *flight, now time.Time, err error) {
	if f.err = err; c.closed {
		f.err = ErrClosed
	}
	if !isUnavailable(err) || e.value == nil {
		e.refuse(err, now.Add(c.negative))
		return
	}
	e.delay(now, c.jitter(), c.policies[f.ref.Kind].Stale)
	switch e.state(now) {
	case fresh: // a refresh ahead of time, or one that was asked for
	case lapsed, standsIn:
		if f.waiting > 0 {
			f.answer = e.answer(Stale, now)
		}
	default:
		e.refuse(err, now.Add(c.negative))
	}
}

// wait waits for f, which the caller has joined, and returns a copy of its answer. With
// an error there may be a stale answer.
func (c *Cache) wait(ctx context.Context, f *flight) (Answer, error) {
	defer c.leave(f)
	select {
	case <-f.done:
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
	return f.answer.clone(), f.err
}

// join is to be followed by leave. The caller holds the lock.
func (f *flight) join() *flight {
	f.waiting++
	return f
}

// leave overwrites the answer when the last one who waited for it has his copy.
func (c *Cache) leave(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting > 0 {
		return
	}
	select {
	case <-f.done:
		f.answer.Wipe()
	default:
	}
}

// answer returns a copy of the entry's value.
func (e *entry) answer(s Status, now time.Time) Answer {
	return Answer{Value: e.value.Clone(), Status: s, Age: max(0, now.Sub(e.fetched))}
}

// given is the answer that is not held: v itself.
func given(v Value, now time.Time) Answer {
	if v.AsOf.IsZero() {
		return Answer{Value: v, Status: Miss}
	}
	return Answer{Value: v, Status: Stale, Age: max(0, now.Sub(v.AsOf))}
}

// pendingOnly reports whether v is a version that a rotation is still making.
func pendingOnly(v *Value) bool {
	return slices.Contains(v.Stages, pending) && !slices.Contains(v.Stages, current)
}

func isUnavailable(err error) bool {
	_, ok := errors.AsType[*Unavailable](err)
	return ok
}
