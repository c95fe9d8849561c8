// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

// forgetful is a source that can be told to leave nothing behind: no credentials and no
// connections. That is for the time before SnapStart takes a snapshot of the process,
// which every environment is restored from.
type forgetful struct {
	source.Source
	on atomic.Bool
}

// Fetch implements cache.Source.
func (f *forgetful) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	v, err := f.Source.Fetch(ctx, ref)
	if f.on.Load() {
		f.Forget()
	}
	return v, err
}

// FetchMany implements cache.Batcher.
func (f *forgetful) FetchMany(ctx context.Context, refs []cache.Ref, done func(i int, v cache.Value, err error)) {
	cache.FetchMany(ctx, f.Source, refs, done)
	if f.on.Load() {
		f.Forget()
	}
}

// holdBack says whether source and cache are to keep nothing.
func (f *forgetful) holdBack(held *cache.Cache, on bool) {
	f.on.Store(on)
	f.Forget()
	held.Pause(on)
}
