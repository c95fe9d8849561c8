// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// renewAhead is how long before their expiry credentials are renewed.
	renewAhead = 5 * time.Minute
	// renewAgain is how long credentials that are good for a while yet are left alone after
	// an attempt to renew them, so that not every call waits for an issuer that hangs.
	renewAgain = 15 * time.Second
	// unknownLife is how long credentials are used that don't tell their expiry.
	unknownLife = 5 * time.Minute
)

// issuer asks for new credentials. The time is their expiry, zero if they don't tell.
type issuer func(context.Context) (sigv4.Credentials, time.Time, error)

// renewed is a Provider of credentials that expire by the wall clock, and are asked for
// again ahead of that, by one caller at a time. Those who wait for him share what he got,
// a failure too. While the issuer is unavailable, credentials are used to their end.
type renewed struct {
	ask issuer
	now func() time.Time

	turn    chan struct{} // held by the one who asks
	mu      sync.Mutex    // guards what follows
	held    sigv4.Credentials
	renew   time.Time // when to ask again
	expires time.Time // zero if unknown
	asked   int       // how often an answer came, or a failure
	failure error     // the last one, until an answer comes
}

var _ Provider = (*renewed)(nil)

func newRenewed(ask issuer, now func() time.Time) *renewed {
	return &renewed{ask: ask, now: now, turn: make(chan struct{}, 1)}
}

// Retrieve implements Provider.
func (p *renewed) Retrieve(ctx context.Context) (sigv4.Credentials, error) {
	c, fresh, _, before := p.look()
	if fresh {
		return c, nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return sigv4.Credentials{}, &TransportError{context.Cause(ctx)}
	}
	old, fresh, usable, after := p.look()
	if fresh {
		return old, nil
	}
	if err := p.failed(); err != nil && after != before {
		return sigv4.Credentials{}, err
	}
	c, expires, err := p.ask(ctx)
	switch {
	case err == nil:
		p.keep(c, expires)
		return c, nil
	case usable && Unavailable(err):
		p.postpone()
		return old, nil
	case ctx.Err() == nil: // else it is the caller's own failure
		p.fail(err)
	}
	return sigv4.Credentials{}, err
}

// look returns what is held, whether it need not be renewed, whether it may be used, and
// how often the issuer was asked so far.
func (p *renewed) look() (c sigv4.Credentials, fresh, usable bool, asked int) {
	now := p.now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held.AccessKeyID == "" {
		return p.held, false, false, p.asked
	}
	usable = p.expires.IsZero() || now.Before(p.expires)
	return p.held, usable && now.Before(p.renew), usable, p.asked
}

func (p *renewed) keep(c sigv4.Credentials, expires time.Time) {
	now := p.now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.failure = nil
	p.held, p.expires, p.renew = c, expires, now.Add(unknownLife)
	if !expires.IsZero() {
		p.renew = expires.Add(-renewAhead)
	}
	if again := now.Add(renewAgain); p.renew.Before(again) {
		p.renew = again
	}
}

func (p *renewed) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.failure = err
}

func (p *renewed) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// postpone leaves the issuer alone for a while. Credentials that expire meanwhile are
// renewed all the same.
func (p *renewed) postpone() {
	again := p.now().Round(0).Add(renewAgain)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew = again
}

// Forget implements Provider.
func (p *renewed) Forget() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.expires, p.renew, p.failure = sigv4.Credentials{}, time.Time{}, time.Time{}, nil
	return true
}
