// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxTries is how often a call is sent.
	maxTries = 3
	// firstWait bounds the random wait before the second try. It doubles.
	firstWait = 100 * time.Millisecond
	// throttleWait is firstWait for a server that asks for patience.
	throttleWait = 500 * time.Millisecond
	// longestWait bounds the wait that a server may ask for.
	longestWait = 20 * time.Second
	// longestTry bounds one try of a call that has no deadline.
	longestTry = 10 * time.Second
)

// Tries counts how often a call was sent, whatever its protocol. The zero value is a call
// that was not sent yet.
type Tries struct{ n int }

// Begin begins a try, whose context ends in time for another one.
func (t *Tries) Begin(ctx context.Context) (context.Context, context.CancelFunc) {
	t.n++
	limit := longestTry
	if deadline, ok := ctx.Deadline(); ok {
		if limit = time.Until(deadline); t.n < maxTries {
			limit /= 2
		}
	}
	return context.WithTimeout(ctx, limit)
}

// Backoff is a random wait before the next try, longer with each try and for a server that
// asks for patience, and at least what the header of its answer says.
//
// Its source is the system's: all environments restored from one snapshot would draw the
// same numbers from Go's own.
func (t *Tries) Backoff(throttled bool, header http.Header) time.Duration {
	first := firstWait
	if throttled {
		first = throttleWait
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	wait := time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(first<<(t.n-1)))
	return max(wait, retryAfter(header))
}

// Sleep waits before the next try. It reports whether there is to be one: not after the
// third, and not if the wait would outlast ctx.
func (t *Tries) Sleep(ctx context.Context, d time.Duration) bool {
	return t.n < maxTries && sleep(ctx, d)
}

// retryAfter is the wait that the server asks for, in seconds.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}

// sleep waits, unless that would outlast ctx.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
