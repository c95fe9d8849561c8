// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package sourcetest holds every source of values to what source.Source promises.
package sourcetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

// State is how what stands behind a source behaves.
type State int

// The states.
const (
	// Up answers.
	Up State = iota
	// Down can't be reached, or answers that it can't answer.
	Down
	// Hanging answers when nobody waits any more.
	Hanging
)

// Subject is a source with what stands behind it.
type Subject struct {
	Source source.Source
	// Ref names a value, whose text is Want.
	Ref  cache.Ref
	Want string
	// Missing names nothing.
	Missing cache.Ref
	// Set changes the state of what stands behind the source. It is nil if that is
	// always up, as a directory is.
	Set func(State)
}

// Run runs the suite. Each test gets a Subject of its own.
func Run(t *testing.T, begin func(t *testing.T) Subject) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Subject){
		"a value belongs to who asked":                       testOwnership,
		"what does not exist is refused":                     testMissing,
		"what is down is unavailable":                        testDown,
		"the end of the context ends a fetch":                testContext,
		"many may ask at once, and others make it forget":    testConcurrency,
		"what was forgotten is fetched again":                testForget,
		"one who gives up does not take others down with it": testOneGivesUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, begin(t))
		})
	}
}

func (s Subject) get(t *testing.T) cache.Value {
	t.Helper()
	v, err := s.Source.Fetch(t.Context(), s.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Text.RevealString(); got != s.Want {
		t.Fatalf("the value is %q, want %q", got, s.Want)
	}
	return v
}

func testOwnership(t *testing.T, s Subject) {
	first, second := s.get(t), s.get(t)
	first.Wipe()
	if got := second.Text.RevealString(); got != s.Want {
		t.Errorf("a value was overwritten with another: %q", got)
	}
	s.get(t)
	if first.VersionID == "" || first.VersionID != second.VersionID {
		t.Errorf("versions of one value: %q and %q", first.VersionID, second.VersionID)
	}
}

func testMissing(t *testing.T, s Subject) {
	v, err := s.Source.Fetch(t.Context(), s.Missing)
	if err == nil {
		t.Fatal("there is a value")
	}
	if _, soft := errors.AsType[*cache.Unavailable](err); soft {
		t.Errorf("unavailable: %v", err)
	}
	if !v.Text.IsZero() || !v.Binary.IsZero() {
		t.Error("a value comes with the error")
	}
}

func testDown(t *testing.T, s Subject) {
	if s.Set == nil {
		t.Skip("is never down")
	}
	s.Set(Down)
	_, err := s.Source.Fetch(t.Context(), s.Ref)
	if _, soft := errors.AsType[*cache.Unavailable](err); !soft {
		t.Fatalf("not unavailable: %v", err)
	}
	s.Set(Up)
	s.get(t)
}

func testContext(t *testing.T, s Subject) {
	if s.Set == nil {
		t.Skip("never hangs")
	}
	s.Set(Hanging)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Source.Fetch(ctx, s.Ref)
		ended <- err
	}()
	cancel()
	if err := <-ended; err == nil {
		t.Error("a fetch that was cancelled has a value")
	}
	s.Set(Up)
	s.get(t)
}

func testConcurrency(t *testing.T, s Subject) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				v, err := s.Source.Fetch(t.Context(), s.Ref)
				if _, soft := errors.AsType[*cache.Unavailable](err); err != nil && !soft {
					t.Error(err)
				} else if got := v.Text.RevealString(); err == nil && got != s.Want {
					t.Errorf("the value is %q", got)
				}
				v.Wipe()
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			s.Source.Forget()
		}
	})
	wg.Wait()
	s.get(t)
}

func testForget(t *testing.T, s Subject) {
	v := s.get(t)
	s.Source.Forget()
	if got := v.Text.RevealString(); got != s.Want {
		t.Errorf("a value that was given out was overwritten: %q", got)
	}
	s.get(t)
}

func testOneGivesUp(t *testing.T, s Subject) {
	if s.Set == nil {
		t.Skip("never hangs")
	}
	s.Set(Hanging)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.Source.Fetch(ctx, s.Ref) })
	s.Set(Up)
	wg.Go(func() { s.get(t) })
	cancel()
	wg.Wait()
}
