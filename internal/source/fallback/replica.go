// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"context"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

// Replica is a source of the same secrets elsewhere: in another region, whose ARNs differ
// from the primary's in the region alone, or at another endpoint.
type Replica struct {
	source.Source
	// Home is the primary's region, and Region that of the Replica. Empty means that it is
	// the same.
	Home, Region string
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

var _ StandIn = (*Replica)(nil)

// Fetch implements StandIn. The answer's ARN is that which the primary would have told: for
// whoever asked it is the same secret.
func (r *Replica) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	ref.ID = moved(ref.ID, r.Home, r.Region)
	v, err := r.Source.Fetch(ctx, ref)
	if err != nil {
		return cache.Value{}, err
	}
	v.ARN = moved(v.ARN, r.Region, r.Home)
	now := time.Now
	if r.Now != nil {
		now = r.Now
	}
	v.AsOf = now().Round(0)
	return v, nil
}

// Keep implements StandIn.
func (r *Replica) Keep(cache.Ref, *cache.Value) {}

// Drop implements StandIn.
func (r *Replica) Drop(cache.Ref) {}

// moved returns an ARN of one region as that of another. What is no ARN, or one of a third
// region, stays as it is.
func moved(id, from, to string) string {
	if from == "" || to == "" || !arn.IsARN(id) {
		return id
	}
	a, err := arn.Parse(id)
	if err != nil || a.Region != from {
		return id
	}
	a.Region = to
	return a.String()
}
