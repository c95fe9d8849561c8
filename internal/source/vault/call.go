// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"fmt"
	"net/http"
)

// Whether a refusal of a request may be for its token, or is to be expected of a good one.
const (
	isDenied    = true
	maybeDenied = false
)

// exchange sends a request with the token, and once more with a new one if that is refused.
func (s *Source) exchange(ctx context.Context, r Request, renew bool) (*Answer, grant, error) {
	for {
		g, err := s.tokens.get(ctx)
		if err != nil {
			return nil, g, err
		}
		a, err := s.server.send(ctx, r, g.token)
		if err != nil || a.Status != http.StatusForbidden || !renew || !s.tokens.drop(g.session) {
			return a, g, err
		}
		renew = false
	}
}

// call sends a request of ours and reads the answer.
func (s *Source) call(ctx context.Context, r Request, renew bool) (*reply, grant, error) {
	a, g, err := s.exchange(ctx, r, renew)
	if err != nil {
		return nil, g, err
	}
	if err := refusal(a); err != nil {
		if a.Status == http.StatusNotFound && wantsData(a.Body) {
			err = fmt.Errorf("%w: %w", err, errWantsData)
		}
		clear(a.Body)
		return nil, g, err
	}
	got, err := decode(a.Body)
	return got, g, err
}

// Session returns the number of the session that requests are made in: it changes with
// each login. The error is a LoginError, or that nobody knows.
func (s *Source) Session(ctx context.Context) (uint64, error) {
	g, err := s.tokens.get(ctx)
	return g.session, err
}

// Do sends a request of somebody else's with our token, and once more after a new login
// if that is refused. Any answer of the server's is one, whatever its status.
func (s *Source) Do(ctx context.Context, r Request) (*Answer, error) {
	a, _, err := s.exchange(ctx, r, isDenied)
	return a, err
}

// Renounce drops the token. The next request logs in.
func (s *Source) Renounce() { s.tokens.forget() }
