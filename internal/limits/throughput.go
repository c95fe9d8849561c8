// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
)

// The levels of throughput.
const (
	// LevelAWS has AWS's default rates.
	LevelAWS = "aws"
	// LevelHigher has AWS's rates with Parameter Store's higher throughput.
	LevelHigher = "aws-higher"
)

// maxBuckets bounds the accounts and regions that are remembered, by groups of
// operations. What has not called lately is forgotten first; a call that there is no
// room for is refused.
const maxBuckets = 10_000

// Throughput bounds calls a second, for each account, region and group of operations. A
// group may make as many calls at once as it may in a second, and goes on at its rate. It
// is for concurrent use.
type Throughput struct {
	groups map[operation]group

	mu      sync.Mutex
	buckets map[bucket]time.Time
	limit   int
}

type operation struct {
	service *api.Service
	name    string
}

// group is one rate for operations that share it.
type group struct {
	id int
	*rate
}

// bucket is what calls are counted for. Its value in the map is when it would be empty
// if no more came: each call moves that on by the time that one takes at the rate.
type bucket struct {
	group           int
	account, region string
}

// NewThroughput returns the throughput of a level.
func NewThroughput(level string) (*Throughput, error) {
	t := &Throughput{groups: map[operation]group{}, buckets: map[bucket]time.Time{}, limit: maxBuckets}
	rates := standard
	switch level {
	case LevelAWS:
	case LevelHigher:
		rates = slices.Concat(standard, higher) // of which the later counts
	default:
		return nil, fmt.Errorf("throughput %q: off, %s or %s", level, LevelAWS, LevelHigher)
	}
	id := 0
	for i := range rates {
		r := &rates[i]
		for _, name := range r.operations {
			t.groups[operation{r.service, name}] = group{id, r}
			if r.each {
				id++
			}
		}
		id++
	}
	return t, nil
}

// Admit says whether one more call may be served at that time, and counts it: nil, or
// what to answer. An operation without a rate always may.
func (t *Throughput) Admit(s *api.Service, name string, c Caller) *api.Error {
	if t == nil {
		return nil
	}
	g, ok := t.groups[operation{s, name}]
	if !ok || t.take(bucket{g.id, c.Account, c.Region}, g.in(c.Region), c.Time) {
		return nil
	}
	return refusal(s)
}

// Caller is whose call it is, where, and when.
type Caller struct {
	Account, Region string
	Time            time.Time
}

// in is the rate in a region, in calls a second.
func (r *rate) in(region string) int {
	if other, ok := r.regions[region]; ok {
		return other
	}
	return r.perSecond
}

// take counts a call, if its bucket is not full.
func (t *Throughput) take(b bucket, perSecond int, now time.Time) bool {
	step := (time.Second + time.Duration(perSecond) - 1) / time.Duration(perSecond) // rounded up: never more
	full := time.Duration(perSecond) * step
	t.mu.Lock()
	defer t.mu.Unlock()
	empty, known := t.buckets[b]
	switch {
	case !known && len(t.buckets) >= t.limit && !t.forget(now):
		return false
	case !known || empty.Before(now):
		empty = now
	case empty.After(now.Add(full)): // the clock was set back
		empty = now.Add(full)
	}
	admitted := !empty.Add(step).After(now.Add(full))
	if admitted {
		empty = empty.Add(step)
	}
	t.buckets[b] = empty
	return admitted
}

// forget drops the buckets that are empty, which are as good as new ones. It reports
// whether there were any.
func (t *Throughput) forget(now time.Time) bool {
	before := len(t.buckets)
	for b, empty := range t.buckets {
		if !empty.After(now) {
			delete(t.buckets, b)
		}
	}
	return len(t.buckets) < before
}
