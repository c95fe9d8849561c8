// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package fallback is a source with another that stands in for it while it is unavailable:
// a replica in another region, another server, or a file of the last values known.
//
// What stands in is asked only when the primary can't be reached or is overloaded. A
// refusal of the primary (denied, not found, deleted) is the answer, and nothing stands in
// for it. Answers of what stands in say as of when they are (cache.Value.AsOf), for a cache
// to hold them as stale and to ask again soon.
//
// A primary that has just failed is left alone for a while, longer each time, so that not
// everyone waits for its timeout; then one call tries it. What nothing stands in for is
// asked of the primary all the same.
package fallback

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

// StandIn is what stands in for a source.
type StandIn interface {
	// Fetch is cache.Source's. Its values say as of when they are. What an error says is
	// told to nobody.
	source.Source
	// Keep is told what the primary gave for ref. The Value stays the caller's.
	Keep(ref cache.Ref, v *cache.Value)
	// Drop is told that the primary answers for ref with a refusal.
	Drop(ref cache.Ref)
}

// Config says what stands in for what. Primary and StandIn are required.
type Config struct {
	Primary source.Source
	StandIn StandIn
	// Reserve is how much of a fetch's time is the StandIn's: the primary has what is
	// left. Zero means half of the time.
	Reserve time.Duration
	// Log is told when the StandIn begins to stand in, and when it ends. Nil discards.
	Log *slog.Logger
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// Source is a primary source and what stands in for it. It is safe for concurrent use.
type Source struct {
	Config

	mu       sync.Mutex // guards circuits and what they point to
	circuits map[string]*circuit
}

var _ source.Source = (*Source)(nil)

// New returns a Source.
func New(cfg Config) *Source {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Source{Config: cfg, circuits: map[string]*circuit{}}
}

// Fetch implements cache.Source.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	health := s.health(circuitOf(ref))
	if health == well {
		v, err := s.ask(ctx, ref, s.share(ctx))
		if !unavailable(err) {
			return v, err
		}
		return s.standIn(ctx, ref, err)
	}
	if health == probed {
		if v, err := s.ask(ctx, ref, probeTime); !unavailable(err) {
			return v, err
		}
	}
	if v, err := s.StandIn.Fetch(ctx, ref); err == nil {
		return v, nil
	}
	return s.ask(ctx, ref, 0)
}

// standIn asks what stands in for a primary that failed.
func (s *Source) standIn(ctx context.Context, ref cache.Ref, failure error) (cache.Value, error) {
	v, err := s.StandIn.Fetch(ctx, ref)
	if err != nil {
		return cache.Value{}, failure
	}
	return v, nil
}

// share is the primary's part of the time until ctx ends, or zero if it does not.
func (s *Source) share(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(deadline)
	if s.Reserve > 0 {
		return max(left/2, left-s.Reserve)
	}
	return left / 2
}

// ask asks the primary, and tells the StandIn what came of it. The end of the time, if there
// is any, means that the primary is unavailable.
func (s *Source) ask(ctx context.Context, ref cache.Ref, within time.Duration) (cache.Value, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if within > 0 {
		limited, cancel = context.WithTimeout(ctx, within)
	}
	defer cancel()
	v, err := s.Primary.Fetch(limited, ref)
	return s.judge(ctx, limited, ref, v, err)
}

// judge takes what the primary answered within limited, which is a part of ctx.
func (s *Source) judge(ctx, limited context.Context, ref cache.Ref, v cache.Value, err error) (cache.Value, error) {
	name := circuitOf(ref)
	if err == nil {
		s.note(name, nil)
		s.StandIn.Keep(ref, &v)
		return v, nil
	}
	if ctx.Err() != nil && !unavailable(err) {
		s.abandon(name) // nothing to do with the source
		return cache.Value{}, err
	}
	if limited.Err() != nil && !unavailable(err) {
		err = &cache.Unavailable{Err: err}
	}
	s.note(name, err)
	if _, told := errors.AsType[*api.Error](err); told && !unavailable(err) {
		s.StandIn.Drop(ref)
	}
	return cache.Value{}, err
}

// Forget implements source.Source, for both sources and for what is known of the primary.
func (s *Source) Forget() {
	s.mu.Lock()
	clear(s.circuits)
	s.mu.Unlock()
	s.Primary.Forget()
	s.StandIn.Forget()
}

func unavailable(err error) bool {
	_, ok := errors.AsType[*cache.Unavailable](err)
	return ok
}

// circuitOf names the service that answers for ref, which may fail by itself.
func circuitOf(ref cache.Ref) string {
	name := ""
	if ref.Kind == cache.Secret {
		name, _ = source.Cut(ref.ID)
	}
	return name + ":" + strconv.Itoa(int(ref.Kind))
}
