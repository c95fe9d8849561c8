// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// sweepCount is how many durable records are deleted from the store in a transaction.
	sweepCount = 64
	// sweepAtOnce is how many such transactions are under way at once. Where writers share
	// commits, so do these: one commit deletes the records of hundreds of writes, or else
	// the store would fill up with records under a load of many writers.
	sweepAtOnce = 8
	// sweepInterval is how long they stay there otherwise.
	sweepInterval = time.Second
	// sweepTimeout bounds one transaction with the store.
	sweepTimeout = 10 * time.Second
)

// A sweeper deletes from the store, in batches, what is durable in the log. What it cannot
// delete it tries again; what it never deletes is found to be in the log by
// the next Open.
type sweeper struct {
	forget func(ctx context.Context, keys []string) error
	wake   chan struct{}
	stop   chan struct{}
	wg     sync.WaitGroup

	mu   sync.Mutex
	keys []string
}

// newSweeper returns a sweeper that deletes with forget. It starts with start.
func newSweeper(forget func(context.Context, []string) error) *sweeper {
	return &sweeper{forget: forget, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (s *sweeper) start() { s.wg.Go(s.loop) }

// close deletes what is left, and ends the sweeper.
func (s *sweeper) close() {
	close(s.stop)
	s.wg.Wait()
	s.sweep(1)
}

// add has the lines of ps deleted. It does not block.
func (s *sweeper) add(ps []placed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.keys = append(s.keys, p.key)
	}
	wake(s.wake)
}

func (s *sweeper) loop() {
	timer := time.NewTimer(sweepInterval)
	timer.Stop()
	defer timer.Stop()
	armed := false
	for {
		select {
		case <-s.wake:
			s.sweep(sweepCount)
		case <-timer.C:
			armed = false
			s.sweep(1)
		case <-s.stop:
			return
		}
		if !armed && s.waiting() > 0 {
			timer.Reset(sweepInterval)
			armed = true
		}
	}
}

func (s *sweeper) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// sweep deletes keys while at least so many wait, or until the store fails. Then it may
// have deleted some that are kept in the list: deleting them again does no harm.
func (s *sweeper) sweep(atLeast int) {
	for {
		s.mu.Lock()
		if len(s.keys) < atLeast || len(s.keys) == 0 {
			s.mu.Unlock()
			return
		}
		batch := s.keys[:min(sweepCount*sweepAtOnce, len(s.keys))]
		s.mu.Unlock()
		if !s.delete(batch) {
			return // the timer tries again
		}
		s.mu.Lock()
		s.keys = s.keys[len(batch):]
		if len(s.keys) == 0 {
			s.keys = nil
		}
		s.mu.Unlock()
	}
}

// delete deletes those keys, and reports whether all are gone.
func (s *sweeper) delete(keys []string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
	defer cancel()
	var failed atomic.Bool
	var wg sync.WaitGroup
	for some := range slices.Chunk(keys, sweepCount) {
		wg.Go(func() {
			if err := s.forget(ctx, some); err != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	return !failed.Load()
}
