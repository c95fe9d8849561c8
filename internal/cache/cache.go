// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package cache holds secrets and parameters near the code that uses them: one
// cache for the extension, the agent and the library.
//
// There is one entry for a secret, whatever it is asked by. A Ref is what somebody
// asks for; an entry is found by each Ref that is known to mean it: the one that was
// asked, and those learnt from the answer (full ARN, partial ARN, name). An entry is
//
//	fresh    until its TTL ends: answered from the cache (HIT). In the last part
//	         of the TTL, use starts a refresh in the background.
//	stale    for a stated time after that: the source is asked (MISS); if it
//	         can't be reached or is overloaded, the old value is the answer (STALE).
//	gone     after that, or as soon as the source refuses: denied, not found,
//	         deleted, not decryptable. The refusal itself is kept for moments.
//
// Whoever asks while the source is being asked waits for that one call. It belongs to
// the cache and not to a caller: a caller that gives up does not end it.
//
// Time is the wall clock, looked at when an entry is used, because an execution
// environment may be frozen for hours while its timers stand still. A clock that went
// back ends every entry that claims to be from the future.
//
// The cache owns its plaintext: callers get copies, so that a value that is replaced
// or evicted is overwritten at once.
package cache

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Source is where values come from.
type Source interface {
	// Fetch asks for what ref names. The Value belongs to the caller. An error
	// that is or wraps an Unavailable lets a stale value stand in; any other is a
	// refusal. It must return soon after ctx ends, and be safe for concurrent use.
	Fetch(ctx context.Context, ref Ref) (Value, error)
}

// Defaults of a Policy and of a Config.
const (
	// DefaultTTL is what the AWS extension has for both of its services.
	DefaultTTL = 5 * time.Minute
	// DefaultStale is how long after its TTL a value may stand in for a source
	// that is down.
	DefaultStale = time.Hour
	// DefaultTimeout bounds one fetch, retries included.
	DefaultTimeout = 5 * time.Second
	// DefaultNegative is how long a refusal is remembered.
	DefaultNegative = 2 * time.Second
	// MaxNegative is the longest that a refusal can be made to be remembered.
	MaxNegative = 5 * time.Second
	// DefaultMaxItems is what the AWS extension has.
	DefaultMaxItems = 1000
	// DefaultMaxBytes allows for 1,000 secrets of 16 KiB.
	DefaultMaxBytes = 16 << 20
)

// ErrClosed is the answer of a closed cache.
var ErrClosed = errors.New("cache: closed")

// Policy is how long the values of one Kind are kept. Its zero value is the default.
type Policy struct {
	// Bypass asks the source each time.
	Bypass bool
	// TTL is the age at which a value is no longer fresh. Zero means DefaultTTL.
	TTL time.Duration
	// Stale is how long after its TTL a value may be served when the source is
	// unavailable. Zero means DefaultStale, less than zero never.
	Stale time.Duration
	// Timeout bounds one fetch. Zero means DefaultTimeout, less than zero no bound.
	Timeout time.Duration
}

func (p Policy) withDefaults() Policy {
	p.TTL = orDefault(p.TTL, DefaultTTL)
	p.Stale = max(0, orDefault(p.Stale, DefaultStale))
	p.Timeout = orDefault(p.Timeout, DefaultTimeout)
	return p
}

// Config says what a cache does. Only Source is required.
type Config struct {
	// Source is asked for what the cache lacks.
	Source Source
	// Secrets and Parameters are the policies of the two Kinds.
	Secrets, Parameters Policy
	// Negative is how long a refusal is remembered, MaxNegative at most. Zero means
	// DefaultNegative.
	Negative time.Duration
	// MaxItems bounds the entries. Zero means DefaultMaxItems. What was not used
	// for longest goes first.
	MaxItems int
	// MaxBytes bounds the memory of values and names. Zero means DefaultMaxBytes.
	MaxBytes int64
	// Observe is told of each call to the source, and with what error it ended, if it
	// did with one. It is quick and safe for concurrent use. Nil is nobody.
	Observe func(err error)
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
	// Jitter returns numbers in [0,1), for spreading refreshes. Nil means the
	// operating system's random source, which a restored snapshot does not repeat.
	Jitter func() float64
}

// Cache holds values. It is safe for concurrent use. Close ends what it started.
type Cache struct {
	source   Source
	policies [2]Policy
	negative time.Duration
	maxItems int
	maxBytes int64
	observe  func(error)
	clock    func() time.Time
	jitter   func() float64

	ctx    context.Context // ends when the cache is closed
	cancel context.CancelFunc
	flying sync.WaitGroup
	paused atomic.Bool

	mu    sync.RWMutex // guards everything below, and the entries but for entry.used
	index map[Ref]*entry
	items map[*entry]struct{}
	bytes int64
	// home is the beginning of the ARNs of the account that plain names belong to,
	// "arn:aws:ssm:eu-west-1:123456789012:", as answers to plain names showed it.
	home   [2]string
	feed   feed
	closed bool
}

// New returns an empty cache. It starts no goroutine before it is asked for something.
func New(cfg Config) (*Cache, error) {
	if cfg.Source == nil {
		return nil, errors.New("cache: no source")
	}
	c := &Cache{
		source:   cfg.Source,
		policies: [2]Policy{Secret: cfg.Secrets.withDefaults(), Parameter: cfg.Parameters.withDefaults()},
		negative: min(MaxNegative, orDefault(cfg.Negative, DefaultNegative)),
		maxItems: orDefault(cfg.MaxItems, DefaultMaxItems),
		maxBytes: orDefault(cfg.MaxBytes, DefaultMaxBytes),
		observe:  cfg.Observe,
		clock:    cfg.Now,
		jitter:   cfg.Jitter,
		index:    map[Ref]*entry{},
		items:    map[*entry]struct{}{},
	}
	if c.observe == nil {
		c.observe = func(error) {}
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.jitter == nil {
		c.jitter = systemJitter
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close ends all fetches, waits for them, and overwrites every value.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.flying.Wait()
	c.Clear()
}

// Clear forgets everything and overwrites the values. What a fetch under way brings is
// given to those who wait for it, and not kept.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.items {
		c.drop(e)
	}
	c.home = [2]string{}
	c.feed.clear()
}

// Forget forgets what a ref that matches finds, as Clear does everything.
func (c *Cache) Forget(matches func(Ref) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.items {
		if slices.ContainsFunc(e.refs, matches) {
			c.drop(e)
		}
	}
}

// Expire ends the freshness of what has an ARN that matches: who asks for it next waits for
// the source, and the old value is the answer only if that is down. A fetch
// that is under way is of no more use but to those who wait for it. A secret's version by its id never ends.
func (c *Cache) Expire(matches func(arn string) bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.items {
		if e.value == nil || e.expires.IsZero() || !matches(e.value.ARN) {
			continue
		}
		e.lapse(now)
		if e.flight != nil {
			e.detach() // it may have begun before the change
		}
	}
}

// Pause makes the cache hold nothing, until paused is false: each call goes to the
// source. It is for the time before a snapshot of the process is taken.
func (c *Cache) Pause(paused bool) {
	c.paused.Store(paused)
	if paused {
		c.Clear()
	}
}

// Stats is what a cache holds.
type Stats struct {
	Items int
	Bytes int64
}

// Stats returns what the cache holds now.
func (c *Cache) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Stats{Items: len(c.items), Bytes: c.bytes}
}

// now is the wall clock without the monotonic reading that time.Time would otherwise
// compare by.
func (c *Cache) now() time.Time { return c.clock().Round(0) }

func orDefault[T int | int64 | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
