// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench drives a server over loopback and says what it can do: how many
// calls a second, how long they take, and what processor time each costs the server.
//
// The client is as cheap as it can be made, since it shares the machine with the
// server: connections are kept, requests are written as bytes, and one that may be
// sent again unchanged (a read) is signed once for all. A Workload says what is sent.
// Everything that is compared is run by the same client, in turns, so that a machine
// that slows down slows both down.
package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options say how to drive a target.
type Options struct {
	// Connections is the number of connections, each with one call under way.
	Connections int
	// Rate is the number of calls a second to start, whatever their answers take
	// (an open loop). Zero means each connection calls as soon as it was answered.
	Rate int
	// Duration is how long to go on.
	Duration time.Duration
}

// Result is what a run measured. Latencies of an open loop count from the time at
// which a call was due.
type Result struct {
	Calls    int
	Failed   int // answered with another status than 200
	Elapsed  time.Duration
	P50, P99 time.Duration
	// CPU is the server's processor time, user and system, during the run.
	CPU time.Duration
}

// PerSecond is the rate of calls that succeeded.
func (r Result) PerSecond() float64 {
	return float64(r.Calls-r.Failed) / r.Elapsed.Seconds()
}

// CPUPerCall is the server's processor time a call.
func (r Result) CPUPerCall() time.Duration {
	if r.Calls == 0 {
		return 0
	}
	return r.CPU / time.Duration(r.Calls)
}

// Source yields the bytes of a connection's requests, one after another, and io.EOF if
// there are no more. A source belongs to one connection.
type Source func() ([]byte, error)

// Run drives the server at addr with a source for each connection.
func Run(ctx context.Context, addr string, sources []Source, o Options) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	start := time.Now()
	due := schedule(start, o)
	results := make([]connection, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i := range sources {
		wg.Go(func() { errs[i] = results[i].run(ctx, addr, sources[i], due) })
	}
	wg.Wait()
	total := Result{Elapsed: time.Since(start)}
	var took []time.Duration
	for i := range results {
		total.Calls += len(results[i].took)
		total.Failed += results[i].failed
		took = append(took, results[i].took...)
	}
	slices.Sort(took)
	total.P50, total.P99 = quantile(took, .5), quantile(took, .99)
	return total, errors.Join(errs...)
}

// quantile returns the smallest of the sorted times that a share q of them does not
// exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// schedule returns a function that waits for the next call's time and returns it, for
// all connections together; in a closed loop that is now.
func schedule(start time.Time, o Options) func(context.Context) time.Time {
	if o.Rate == 0 {
		return func(context.Context) time.Time { return time.Now() }
	}
	var mu sync.Mutex
	n := 0
	return func(ctx context.Context) time.Time {
		mu.Lock()
		at := start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))
		n++
		mu.Unlock()
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return at
	}
}

type connection struct {
	took   []time.Duration
	failed int
}

func (c *connection) run(ctx context.Context, addr string, next Source, due func(context.Context) time.Time) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		request, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at := due(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if _, err := conn.Write(request); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		c.took = append(c.took, time.Since(at))
		if answer.StatusCode != http.StatusOK {
			c.failed++
		}
	}
}
