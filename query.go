// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"

	"github.com/coffer-secrets/coffer/internal/cache"
)

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
