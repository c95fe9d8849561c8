// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
)

// Budget bounds the calls to the source that one caller causes. It is safe for
// concurrent use.
type Budget interface {
	// Take allows one call to the source, or says why not. It is called with the cache
	// locked: it neither blocks nor calls the cache.
	Take() error
}

// Caller is the cache as somebody with a Budget has it: who asks for what must be fetched
// gets the last value known, or the Budget's refusal, when it is spent. A value that is
// held costs nothing, nor does waiting for a call that another caller caused, nor a
// refresh ahead of time. A refusal is nobody else's: nothing is remembered of it.
type Caller struct {
	*Cache
	budget Budget
}

// For returns the cache as somebody with this Budget has it. Nil bounds nothing.
func (c *Cache) For(b Budget) Caller { return Caller{c, b} }

// Get returns what ref names, from the cache or from the source. If ctx ends first,
// the error is the context's, and a fetch that was begun goes on for others.
func (c *Cache) Get(ctx context.Context, ref Ref) (Answer, error) {
	return Caller{Cache: c}.Get(ctx, ref)
}

// Refresh is Get with a value that the source gave after the call was made. It does not
// fall back on what is held.
func (c *Cache) Refresh(ctx context.Context, ref Ref) (Answer, error) {
	return Caller{Cache: c}.Refresh(ctx, ref)
}

// Failed says that the version with this id did not work for its user, who gets another
// one: that which is held by now, or what the source has, which is asked at once (once
// for each version in failedEvery), or the secret's AWSPREVIOUS. If there is no other
// version the answer is the same one again, for the user to see.
func (c *Cache) Failed(ctx context.Context, ref Ref, versionID string) (Answer, error) {
	return Caller{Cache: c}.Failed(ctx, ref, versionID)
}

// take asks the Budget for a call to the source.
func (c Caller) take() error {
	if c.budget == nil {
		return nil
	}
	return c.budget.Take()
}

// launch starts a flight for e, if the Budget allows it. Else e is forgotten if there is
// nothing to know of it: names that are merely asked for take no room. The caller holds
// the lock.
func (c Caller) launch(e *entry, ref Ref) (*flight, error) {
	if err := c.take(); err != nil {
		if e.value == nil && e.err == nil && e.flight == nil {
			c.drop(e)
		}
		return nil, err
	}
	return c.start(e, ref), nil
}

// insteadOf returns what is held of ref for a caller whose Budget refuses.
func (c *Cache) insteadOf(ref Ref, refusal error) (Answer, error) {
	if !errors.Is(refusal, ErrClosed) {
		if held, ok := c.fallBack(ref); ok {
			return held, nil
		}
	}
	return Answer{}, refusal
}
