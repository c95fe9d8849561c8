// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name    = "prod/db"
	partial = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db"
	full    = partial + "-AbCdEf"
)

var errDenied = errors.New("AccessDeniedException")

// down is an error of a source that is down.
func down() error { return &cache.Unavailable{Err: errors.New("connection refused")} }

// clock is a wall clock that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// source is a Source of one secret, or of what answer returns.
type source struct {
	clock *clock

	mu      sync.Mutex
	calls   []cache.Ref
	err     error
	arn     string
	version int
	stages  []string
	gave    []cache.Value // the very values that the cache was given
	answer  func(cache.Ref) (cache.Value, error)
	gate    chan struct{} // a fetch takes one from it, if it is not nil
}

func (s *source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	s.mu.Lock()
	s.calls = append(s.calls, ref)
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return cache.Value{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return cache.Value{}, s.err
	}
	v, err := s.value(ref)
	if err == nil {
		s.gave = append(s.gave, v)
	}
	return v, err
}

func (s *source) value(ref cache.Ref) (cache.Value, error) {
	if s.answer != nil {
		return s.answer(ref)
	}
	n := s.version
	if ref.Stage == "AWSPREVIOUS" {
		n--
	}
	return version(s.arn, n, s.stages), nil
}

// version is the value of a secret's nth version, which says which it is.
func version(arn string, n int, stages []string) cache.Value {
	nm := arn[strings.LastIndexByte(arn, ':')+1 : len(arn)-7]
	return cache.Value{
		ARN: arn, Name: nm, VersionID: fmt.Sprint("v", n), Stages: stages,
		Text: secret.FromString(fmt.Sprint("value ", n)), Created: time.Unix(int64(n)*100, 0),
	}
}

func (s *source) set(f func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// rig is a cache over a source, with a clock.
type rig struct {
	t testing.TB
	*cache.Cache
	src   *source
	clock *clock
}

func newRig(t testing.TB, configure ...func(*cache.Config)) *rig {
	t.Helper()
	c := newClock()
	src := &source{clock: c, arn: full, version: 1, stages: []string{"AWSCURRENT"}}
	cfg := cache.Config{Source: src, Now: c.now, Jitter: func() float64 { return 0 }}
	for _, f := range configure {
		f(&cfg)
	}
	held, err := cache.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Close)
	return &rig{t, held, src, c}
}

// want gets a secret and checks what comes, and by how many calls to the source.
func (r *rig) want(ref cache.Ref, text string, status cache.Status, calls int) {
	r.t.Helper()
	before := r.src.count()
	got, err := r.Get(context.Background(), ref)
	r.Settle(context.Background())
	if err != nil {
		r.t.Fatalf("Get: %v", err)
	}
	if got.Text.RevealString() != text || got.Status != status {
		r.t.Errorf("got %q, %s; want %q, %s", got.Text.RevealString(), got.Status, text, status)
	}
	if n := r.src.count() - before; n != calls {
		r.t.Errorf("%d calls to the source, want %d", n, calls)
	}
}

// wantErr gets a secret and wants the error.
func (r *rig) wantErr(ref cache.Ref, target error, calls int) {
	r.t.Helper()
	before := r.src.count()
	_, err := r.Get(context.Background(), ref)
	if !errors.Is(err, target) {
		r.t.Errorf("error %v, want %v", err, target)
	}
	if n := r.src.count() - before; n != calls {
		r.t.Errorf("%d calls to the source, want %d", n, calls)
	}
}

func byID(id string) cache.Ref { return cache.Ref{ID: id} }
