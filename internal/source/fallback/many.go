// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"context"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
)

var _ cache.Batcher = (*Source)(nil)

// some are refs with their places among all.
type some struct {
	refs   []cache.Ref
	places []int
}

func (s *some) add(ref cache.Ref, place int) {
	s.refs, s.places = append(s.refs, ref), append(s.places, place)
}

// FetchMany implements cache.Batcher. Services that are well are asked for all at once, and
// what stands in for the rest of it; of others each ref is fetched by itself.
func (s *Source) FetchMany(ctx context.Context, refs []cache.Ref, done func(i int, v cache.Value, err error)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	var well some
	for i, ref := range refs {
		if s.isWell(circuitOf(ref)) {
			well.add(ref, i)
			continue
		}
		wg.Go(func() {
			v, err := s.Fetch(ctx, ref)
			done(i, v, err)
		})
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if within := s.share(ctx); within > 0 {
		limited, cancel = context.WithTimeout(ctx, within)
	}
	defer cancel()
	var mu sync.Mutex // guards what follows
	var failed some
	var failures []error
	cache.FetchMany(limited, s.Primary, well.refs, func(i int, v cache.Value, err error) {
		v, err = s.judge(ctx, limited, well.refs[i], v, err)
		if !unavailable(err) {
			done(well.places[i], v, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		failed.add(well.refs[i], well.places[i])
		failures = append(failures, err)
	})
	cache.FetchMany(ctx, s.StandIn, failed.refs, func(i int, v cache.Value, err error) {
		if err != nil {
			v, err = cache.Value{}, failures[i]
		}
		done(failed.places[i], v, err)
	})
}
