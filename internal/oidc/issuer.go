// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"time"
)

// issuer is what is known of an issuer: its keys, and when they were fetched. It is never
// changed, but replaced.
type issuer struct {
	keys    map[string][]*key
	fetched time.Time // zero if never
	tried   time.Time // when a fetch last ended
	failure error     // of the last try
}

// good reports whether the keys may still be used.
func (i *issuer) good(now time.Time) bool {
	return !i.fetched.IsZero() && now.Sub(i.fetched) < keysFor && now.Sub(i.fetched) > -keysFor
}

// asked reports whether the issuer was asked just now, and is to be left alone.
func (i *issuer) asked(now time.Time) bool {
	d := now.Sub(i.tried)
	return !i.tried.IsZero() && d < fetchPause && d > -fetchPause
}

// keys returns the keys of an issuer with that id, which are fetched if need be.
func (v *Verifier) keys(ctx context.Context, url, id string) ([]*key, error) {
	now := v.now()
	known := v.known(url)
	keys, good := known.keys[id], known.good(now)
	fresh := good && now.Sub(known.fetched) < renewAfter && len(keys) > 0
	if fresh || good && known.asked(now) {
		return keys, nil
	}
	if known.asked(now) {
		return nil, unreachable(known.failure)
	}
	asked, err := v.ask(ctx, url)
	switch {
	case err != nil:
		return nil, unreachable(err)
	case asked.good(now):
		return asked.keys[id], nil
	}
	return nil, unreachable(asked.failure)
}

func unreachable(cause error) error {
	return &Error{Kind: Unreachable, what: "the issuer's keys can't be had", cause: cause}
}

func (v *Verifier) known(url string) *issuer {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := v.issuers[url]; i != nil {
		return i
	}
	return &issuer{}
}

// ask has the issuer's keys fetched, once for all who ask meanwhile. A caller who has gone
// leaves the fetch to the others. The error is the caller's own.
func (v *Verifier) ask(ctx context.Context, url string) (*issuer, error) {
	v.under.Add(1)
	done := v.flight.DoChan(url, func() (any, error) {
		if i := v.known(url); i.asked(v.now()) { // between the caller's look and this
			return i, nil
		}
		ctx, cancel := context.WithTimeout(v.life, fetchTimeout)
		defer cancel()
		keys, err := v.fetch(ctx, url)
		return v.learn(url, keys, err), nil
	})
	select {
	case r := <-done:
		v.under.Done()
		return r.Val.(*issuer), nil
	case <-ctx.Done():
		go func() {
			defer v.under.Done()
			<-done
		}()
		return nil, context.Cause(ctx)
	}
}

// learn keeps the outcome of a fetch. After one that failed the keys stay what they were.
func (v *Verifier) learn(url string, keys map[string][]*key, err error) *issuer {
	v.mu.Lock()
	defer v.mu.Unlock()
	learnt := &issuer{tried: v.now(), failure: err}
	if before := v.issuers[url]; err != nil && before != nil {
		learnt.keys, learnt.fetched = before.keys, before.fetched
	} else if err == nil {
		learnt.keys, learnt.fetched = keys, learnt.tried
	}
	if len(v.issuers) >= maxIssuers && v.issuers[url] == nil {
		clear(v.issuers)
	}
	v.issuers[url] = learnt
	return learnt
}
