// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// ordinaryAnswer is what room is made for ahead, in bytes: one secret of 64 KiB.
	ordinaryAnswer = 128 << 10
	// idleLimit is how long a connection may be idle and still be used. What was
	// idle longer has probably been cut off by the other side, or by a freeze.
	idleLimit = 15 * time.Second
	// clockJitter is how far back the wall clock may seem to go between two tries, which
	// may look at it in another order than they note it.
	clockJitter = time.Second
)

// Wire is the way to a service over HTTP, whatever its protocol. It does not use
// connections from before a freeze. It is safe for concurrent use.
type Wire struct {
	transport http.RoundTripper
	clock     func() time.Time
	lastUse   atomic.Int64 // Unix time in nanoseconds of the last request
}

// NewWire returns a Wire over transport. Nil means one that has so many connections to a
// host at most, and trusts what AWS's certificates stand on and the system's authorities,
// or instead of both the authorities in a file, if there is one.
func NewWire(transport http.RoundTripper, maxConns int, caFile string, now func() time.Time) *Wire {
	if transport == nil {
		if maxConns <= 0 {
			maxConns = DefaultMaxConns
		}
		transport = newTransport(maxConns, caFile)
	}
	return &Wire{transport: transport, clock: now}
}

// RoundTrip implements http.RoundTripper. An error is a TransportError, unless it has
// nothing to do with the network.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.wake()
	res, err := w.transport.RoundTrip(req)
	if err != nil {
		return nil, transportError(err)
	}
	return res, nil
}

// wake drops connections that were idle for too long by the wall clock, which goes on
// while the process is frozen and the transport's own timers are not.
func (w *Wire) wake() {
	now := w.clock().Round(0).UnixNano()
	gap := time.Duration(now - w.lastUse.Swap(now))
	if gap > idleLimit || gap < -clockJitter {
		w.Drop()
	}
}

// Drop closes the connections that no request is using.
func (w *Wire) Drop() {
	if t, ok := w.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Forget is Drop for what must not outlive a snapshot: the sessions of TLS go too.
func (w *Wire) Forget() {
	if t, ok := w.transport.(interface{ Forget() }); ok {
		t.Forget()
		return
	}
	w.Drop()
}

var errTooLong = errors.New("the answer is too long")

// ReadAll reads a body of limit bytes at most, into a buffer of the length that is
// announced if that is an ordinary one: one that grew would leave parts of a secret
// behind, which nobody could overwrite.
func ReadAll(res *http.Response, limit int64) ([]byte, error) {
	room := min(max(res.ContentLength, 0), ordinaryAnswer)
	b := bytes.NewBuffer(make([]byte, 0, room+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, &TransportError{err}
	case int64(b.Len()) > limit:
		return nil, errTooLong
	}
	return b.Bytes(), nil
}
