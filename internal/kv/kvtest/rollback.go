// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// untouched says what is wrong unless the store is as rollback found it, and works.
func untouched(ctx context.Context, s kv.Store, before kv.Rev) error {
	rev, err := s.View(ctx, func(r kv.Reader) error {
		return errors.Join(expect(r, "kept", "1"), absent(r, "dropped"))
	})
	if err == nil && rev != before {
		err = fmt.Errorf("the revision went from %d to %d", before, rev)
	}
	if err != nil {
		return err
	}
	rev, err = put(ctx, s, "next", "")
	if err != nil {
		return err
	}
	for e, err := range s.Watch(ctx, "", before) {
		if err != nil {
			return err
		}
		if e.Key != "next" || e.Rev != rev {
			return fmt.Errorf("a watch tells of %q at %d, want only what was committed", e.Key, e.Rev)
		}
		break
	}
	return nil
}

// spoil makes the writes that a rollback must drop.
func spoil(tx kv.Tx) error {
	return errors.Join(tx.Put("dropped", nil), tx.Put("kept", []byte("2")), tx.Delete("kept"))
}

func rollbackOnError(ctx context.Context, s kv.Store) error {
	before, err := put(ctx, s, "kept", "1")
	if err != nil {
		return err
	}
	refusal := errors.New("refused")
	_, err = s.Update(ctx, func(tx kv.Tx) error { return errors.Join(spoil(tx), refusal) })
	if !errors.Is(err, refusal) {
		return fmt.Errorf("an Update returned %v, want fn's error", err)
	}
	if _, err := s.View(ctx, func(kv.Reader) error { return refusal }); !errors.Is(err, refusal) {
		return fmt.Errorf("a View returned %v, want fn's error", err)
	}
	return untouched(ctx, s, before)
}

func rollbackOnPanic(ctx context.Context, s kv.Store) error {
	before, err := put(ctx, s, "kept", "1")
	if err != nil {
		return err
	}
	for name, run := range map[string]func() error{
		"Update": func() error {
			_, err := s.Update(ctx, func(tx kv.Tx) error {
				if err := spoil(tx); err != nil {
					return err
				}
				panic("on purpose")
			})
			return err
		},
		"View": func() error {
			return view(ctx, s, func(kv.Reader) error { panic("on purpose") })
		},
	} {
		if got := recovered(run); got != "on purpose" {
			return fmt.Errorf("a panic in %s became %v", name, got)
		}
	}
	return untouched(ctx, s, before)
}

// recovered returns what run panics with, or its error.
func recovered(run func() error) (outcome any) {
	defer func() {
		if p := recover(); p != nil {
			outcome = p
		}
	}()
	return run()
}

func rollbackOnGoexit(ctx context.Context, s kv.Store) error {
	before, err := put(ctx, s, "kept", "1")
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := errors.New("the goroutine did not end")
		defer func() { done <- err }()
		_, _ = s.Update(ctx, func(tx kv.Tx) error {
			if err = spoil(tx); err == nil {
				runtime.Goexit()
			}
			return err
		})
	}()
	if err := <-done; err != nil {
		return err
	}
	return untouched(ctx, s, before)
}

func cancelled(ctx context.Context, s kv.Store) error {
	dead, cancel := context.WithCancel(ctx)
	cancel()
	ran := false
	_, viewErr := s.View(dead, func(kv.Reader) error { ran = true; return nil })
	_, updateErr := s.Update(dead, func(kv.Tx) error { ran = true; return nil })
	if ran || !errors.Is(viewErr, context.Canceled) || !errors.Is(updateErr, context.Canceled) {
		return fmt.Errorf("ran: %t; View: %v; Update: %v", ran, viewErr, updateErr)
	}
	return newStore(ctx, s)
}

// cancelledWait cancels Updates while another is under way. Whether each came in time or
// not, what it was told must be true, then and later.
func cancelledWait(ctx context.Context, s kv.Store) error {
	const waiters = 8
	inside, release := make(chan struct{}), make(chan struct{})
	first := start(func() error {
		entered := false
		_, err := s.Update(ctx, func(tx kv.Tx) error {
			if !entered { // an engine may run fn again
				entered = true
				close(inside)
			}
			<-release
			return tx.Put("first", nil)
		})
		return err
	})
	<-inside
	waiting, cancel := context.WithCancel(ctx)
	var results []<-chan error
	for i := range waiters {
		results = append(results, start(func() error {
			_, err := put(waiting, s, fmt.Sprint("waiter", i), "")
			return err
		}))
	}
	runtime.Gosched()
	cancel()
	close(release)
	if err := <-first; err != nil {
		return err
	}
	checks := []func(kv.Reader) error{has("first", ""), has("after", "")}
	for i, result := range results {
		key := fmt.Sprint("waiter", i)
		switch err := <-result; {
		case err == nil:
			checks = append(checks, has(key, ""))
		case errors.Is(err, context.Canceled):
			checks = append(checks, hasNot(key))
		default:
			return err
		}
	}
	if _, err := put(ctx, s, "after", ""); err != nil {
		return err
	}
	return view(ctx, s, checks...)
}

// start runs fn on a goroutine and returns where its result will come.
func start(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return done
}
