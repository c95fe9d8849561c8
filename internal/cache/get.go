// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"time"
)

// Get is Cache.Get within the caller's budget.
func (c Caller) Get(ctx context.Context, ref Ref) (Answer, error) {
	ref = ref.normal()
	if c.bypasses(ref) {
		return c.direct(ctx, ref)
	}
	for {
		if answer, err, ok := c.lookup(ref); ok {
			return answer, err
		}
		f, fallback, err := c.board(ref)
		if err != nil {
			return c.insteadOf(ref, err)
		}
		if f == nil {
			continue
		}
		answer, err := c.ask(ctx, ref, f, fallback)
		if err != nil || f.ref == ref || ref.means(&answer.Value) {
			return answer, err
		}
		answer.Wipe()
	}
}

// bypasses reports whether what ref names is never held. A version that a rotation is
// still making may be replaced at any time.
func (c *Cache) bypasses(ref Ref) bool {
	return c.policies[ref.Kind].Bypass || c.paused.Load() || ref.Stage == pending
}

// direct asks the source and keeps nothing.
func (c Caller) direct(ctx context.Context, ref Ref) (Answer, error) {
	if c.ctx.Err() != nil {
		return Answer{}, ErrClosed
	}
	if err := c.take(); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })()
	v, err := c.fetch(ctx, ref)
	return given(v, c.now()), err
}

// lookup answers from what is held, under a lock that readers share.
func (c *Cache) lookup(ref Ref) (Answer, error, bool) {
	now := c.now()
	c.mu.RLock()
	e := c.index[ref]
	if e == nil {
		c.mu.RUnlock()
		return Answer{}, nil, false
	}
	e.touch(now)
	var answer Answer
	var err error
	found := true
	switch e.state(now) {
	case fresh:
		answer = e.answer(Hit, now)
	case standsIn:
		answer = e.answer(Stale, now)
	case refused:
		err = e.err
	default:
		found = false
	}
	due := found && e.due(now)
	c.mu.RUnlock()
	if due {
		c.refreshAhead(ref, now)
	}
	return answer, err, found
}

// refreshAhead starts a fetch that nobody waits for.
func (c *Cache) refreshAhead(ref Ref, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.index[ref]; e != nil && e.due(now) && !c.closed {
		c.start(e, ref)
	}
}

// ask waits for the source, for a short time only if there is a value to fall back on.
func (c *Cache) ask(ctx context.Context, ref Ref, f *flight, fallback bool) (Answer, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if fallback {
		limited, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	answer, err := c.wait(limited, f)
	if answer.Status == Stale {
		return answer, nil
	}
	if err == nil || !fallback || limited.Err() == nil {
		return answer, err
	}
	if stale, ok := c.fallBack(ref); ok {
		return stale, nil
	}
	return Answer{}, err
}

// board joins the flight for ref, which it starts if there is none, and reports
// whether there is a value to fall back on. There is no flight if the answer came since
// the caller looked.
func (c Caller) board(ref Ref) (*flight, bool, error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.asked(ref, now)
	if err != nil {
		return nil, false, err
	}
	known := e.state(now)
	f := e.flight
	switch {
	case known == fresh || known == standsIn || known == refused:
		return nil, false, nil
	case !e.flying(now):
		if f, err = c.launch(e, ref); err != nil {
			return nil, false, err
		}
		c.shrink()
	}
	return f.join(), known == lapsed, nil
}

// asked returns the entry of ref, which it adds if there is none, and notes that it was
// asked for. The caller holds mu.
func (c *Cache) asked(ref Ref, now time.Time) (*entry, error) {
	if c.closed {
		return nil, ErrClosed
	}
	e := c.index[ref]
	if e == nil {
		e = c.add(ref)
	}
	e.touch(now)
	return e, nil
}

// fallBack returns a stale value.
func (c *Cache) fallBack(ref Ref) (Answer, bool) {
	now := c.now()
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.index[ref]
	if e == nil {
		return Answer{}, false
	}
	switch e.state(now) {
	case fresh:
		return e.answer(Hit, now), true
	case lapsed, standsIn:
		return e.answer(Stale, now), true
	}
	return Answer{}, false
}
