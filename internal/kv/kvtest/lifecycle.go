// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/kv"
)

func closed(ctx context.Context, s kv.Store) error {
	if _, err := put(ctx, s, "a", ""); err != nil {
		return err
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		return fmt.Errorf("closing twice: %w", err)
	}
	_, viewErr := s.View(ctx, func(kv.Reader) error { return nil })
	_, updateErr := put(ctx, s, "b", "")
	var watchErr error
	for _, err := range s.Watch(ctx, "", 0) {
		watchErr = err
		break
	}
	for name, err := range map[string]error{"View": viewErr, "Update": updateErr, "Watch": watchErr} {
		if !errors.Is(err, kv.ErrClosed) {
			return fmt.Errorf("%s answers %v, want %v", name, err, kv.ErrClosed)
		}
	}
	return nil
}

func closeWaits(ctx context.Context, s kv.Store) error {
	if _, err := put(ctx, s, "a", ""); err != nil {
		return err
	}
	inside, release := make(chan struct{}), make(chan struct{})
	var over atomic.Bool
	reading := start(func() error {
		return view(ctx, s, func(r kv.Reader) error {
			close(inside)
			<-release
			defer over.Store(true)
			return expect(r, "a", "")
		})
	})
	<-inside
	closing := start(func() error {
		if err := s.Close(); err != nil || !over.Load() {
			return fmt.Errorf("the store closed (%v) before a transaction was over: %t", err, !over.Load())
		}
		return nil
	})
	// Once the store refuses, Close has begun.
	for {
		if _, err := s.View(ctx, func(kv.Reader) error { return nil }); err != nil {
			break
		}
		runtime.Gosched()
	}
	close(release)
	return errors.Join(<-reading, <-closing)
}

// reopener closes a store and opens the same data again.
type reopener func(kv.Store) (kv.Store, error)

var durabilityChecks = []struct {
	name string
	run  func(ctx context.Context, s kv.Store, reopen reopener) error
}{
	{"what was committed outlives the store", outlives},
}

func outlives(ctx context.Context, s kv.Store, reopen reopener) error {
	var last kv.Rev
	for i := range 20 {
		rev, err := s.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(setNumber(tx, "n", i), tx.Put(fmt.Sprint("key", i), nil), tx.Delete(fmt.Sprint("key", i-2)))
		})
		if err == nil && rev <= last {
			err = fmt.Errorf("revision %d after %d", rev, last)
		}
		if err != nil {
			return err
		}
		last = rev
		if s, err = reopen(s); err != nil {
			return err
		}
		rev, err = s.View(ctx, func(r kv.Reader) error {
			return errors.Join(expect(r, "n", fmt.Sprint(i)), expect(r, fmt.Sprint("key", i), ""),
				absent(r, fmt.Sprint("key", i-2)))
		})
		if err != nil || rev != last {
			return fmt.Errorf("after it was opened again, at revision %d instead of %d: %w", rev, last, err)
		}
	}
	return s.Close()
}
