// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// DefaultGrace is what Vault's Lambda extension has.
	DefaultGrace = 10 * time.Second
	// graceShare bounds the grace to a part of a token's life, as a divisor: a token that
	// lives for less than the grace is of use too.
	graceShare = 3
	// A token is renewed when this much of its life is over.
	renewNumerator, renewDenominator = 2, 3
	// renewAgain is how long a token that could not be renewed is left alone.
	renewAgain = 15 * time.Second
	// loginAgain is how long after a login that a refusal led to the next refusal does not
	// lead to another: what a policy denies is denied to the new token too.
	loginAgain = 10 * time.Second
)

// session is a token, from its login to its end.
type session struct {
	number    uint64
	token     secret.Value
	life      time.Duration // that Vault gave it at first; zero is for ever
	renewable bool
	renew     time.Time // when to renew it
	ends      time.Time // zero is never
}

// grant is what a request is made with.
type grant struct {
	token   string
	session uint64
	ends    time.Time // of the token, less the grace; zero is never
}

// keeper has the token.
type keeper struct {
	server *server
	login  Login
	grace  time.Duration
	now    func() time.Time

	turn    chan struct{} // held by the one who logs in or renews
	mu      sync.Mutex    // guards what follows, and the bytes of the token
	held    *session
	count   uint64
	refused time.Time // when a refusal last led to a login
}

func newKeeper(srv *server, login Login, grace time.Duration, now func() time.Time) *keeper {
	if grace <= 0 {
		grace = DefaultGrace
	}
	return &keeper{server: srv, login: login, grace: grace, now: now, turn: make(chan struct{}, 1)}
}

// get returns a token that is good for now.
func (k *keeper) get(ctx context.Context) (grant, error) {
	if g, usable, due := k.look(); usable && !due {
		return g, nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return grant{}, &client.TransportError{Err: context.Cause(ctx)}
	}
	g, usable, due := k.look()
	if usable && due && k.extend(ctx, g) {
		g, usable, due = k.look()
	}
	if usable && !due {
		return g, nil
	}
	fresh, err := k.enter(ctx)
	if err != nil {
		return grant{}, &LoginError{err}
	}
	return k.keep(fresh), nil
}

// look returns the token held, whether it may be used, and whether its renewal is due.
func (k *keeper) look() (g grant, usable, due bool) {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.held
	if s == nil {
		return grant{}, false, false
	}
	g = grant{token: s.token.RevealString(), session: s.number}
	if s.ends.IsZero() {
		return g, true, false
	}
	g.ends = s.ends.Add(-min(k.grace, s.life/graceShare))
	return g, now.Before(g.ends), s.renewable && !now.Before(s.renew)
}

// keep takes over a session in place of the one held.
func (k *keeper) keep(s *session) grant {
	k.mu.Lock()
	if k.held != nil {
		k.held.token.Wipe()
	}
	k.count++
	s.number, k.held = k.count, s
	k.mu.Unlock()
	g, _, _ := k.look()
	return g
}

// extend renews the token held. It reports whether it may go on being used: not if Vault
// refuses it, but if Vault can't be reached now.
func (k *keeper) extend(ctx context.Context, g grant) bool {
	now := k.now()
	a, err := k.server.send(ctx, Request{Method: http.MethodPost, Path: prefix + "auth/token/renew-self"}, g.token)
	if err == nil {
		err = refusal(a)
	}
	if err != nil {
		if !client.Unavailable(err) {
			return false
		}
		k.change(g.session, func(s *session) { s.renew = now.Add(renewAgain) })
		return true
	}
	r, err := decode(a.Body)
	if err != nil || r.Auth == nil {
		return false
	}
	r.Auth.Token.Wipe()
	life := seconds(r.Auth.LeaseDuration)
	k.change(g.session, func(s *session) {
		s.ends, s.renew = now.Add(life), now.Add(life*renewNumerator/renewDenominator)
		// Near the longest life that Vault allows, renewals bring less and less.
		s.renewable = r.Auth.Renewable && life >= s.life/2
	})
	return true
}

// change changes the session of that number, if it is still held.
func (k *keeper) change(number uint64, f func(*session)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil && k.held.number == number {
		f(k.held)
	}
}

// drop says that Vault refused a token. It reports whether another one may do better.
func (k *keeper) drop(number uint64) bool {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil || k.held.number != number {
		return true
	}
	if since := now.Sub(k.refused); since >= 0 && since < loginAgain {
		return false
	}
	k.refused = now
	k.held.token.Wipe()
	k.held = nil
	return true
}

// forget drops the token.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil {
		k.held.token.Wipe()
	}
	k.held = nil
}

// enter logs in.
func (k *keeper) enter(ctx context.Context) (*session, error) {
	p, err := k.login(ctx)
	if err != nil {
		return nil, err
	}
	defer clear(p.body)
	if p.path == "" {
		return k.lookUp(ctx, p.token)
	}
	now := k.now()
	a, err := k.server.send(ctx, Request{Method: http.MethodPost, Path: prefix + p.path, Body: p.body}, "")
	if err == nil {
		err = refusal(a)
	}
	if e, ok := errors.AsType[*api.Error](err); ok && e.Status == http.StatusBadRequest {
		e.ErrorCode = denied // as most auth methods say that the proof is not good
	}
	if err != nil {
		return nil, err
	}
	r, err := decode(a.Body)
	if err != nil {
		return nil, err
	}
	if r.Auth == nil || r.Auth.Token.Len() == 0 {
		return nil, denied.New("the login's answer has no token") // more factors are asked for, maybe
	}
	return newSession(r.Auth.Token.Value, seconds(r.Auth.LeaseDuration), r.Auth.Renewable, now), nil
}

func newSession(token secret.Value, life time.Duration, renewable bool, now time.Time) *session {
	s := &session{token: token, life: life}
	if life > 0 {
		s.renewable = renewable
		s.ends, s.renew = now.Add(life), now.Add(life*renewNumerator/renewDenominator)
	}
	return s
}
