// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// ordinaryInterval is how long to wait between two questions if the issuer doesn't say,
	// and slower how much longer each time that it asks for that (RFC 8628, sections 3.2
	// and 3.5). Neither less than shortest is waited, nor a code used for more than
	// maxLife, whatever the issuer says.
	ordinaryInterval = 5 * time.Second
	slower           = 5 * time.Second
	shortest         = time.Second
	maxLife          = time.Hour
	// maxUnanswered is how many questions in a row may go without an answer.
	maxUnanswered = 5
	// What is shown is this long at most, in bytes.
	maxUserCode, maxShownURL = 64, 2048
)

// grantType is the device authorization grant (RFC 8628, section 3.4).
const grantType = "urn:ietf:params:oauth:grant-type:device_code"

// Code is a code that a person has to confirm.
type Code struct {
	// User is the code as the person enters it, and URL where. Both can be shown on a
	// terminal as they are.
	User, URL string
	// Complete is a URL with the code in it, or empty.
	Complete string
	// Expires is when the code ends, by this machine's clock.
	Expires time.Time

	interval time.Duration
	device   secret.Value
}

// The ends of a login that is not one.
var (
	ErrDenied  = errors.New("the login was refused in the browser")
	ErrExpired = errors.New("nobody confirmed the code in time")
)

// Begin asks for a code. Scopes are joined by spaces.
func (i *Issuer) Begin(ctx context.Context, scopes string) (*Code, error) {
	if i.device == "" {
		return nil, fmt.Errorf("%s has no device authorization grant (RFC 8628)", i.config.Issuer)
	}
	var answer struct {
		Device   secret.Text `json:"device_code"`
		User     string      `json:"user_code"`
		URL      string      `json:"verification_uri"`
		OldURL   string      `json:"verification_url"` // of Google, from before the RFC
		Complete string      `json:"verification_uri_complete"`
		Life     float64     `json:"expires_in"`
		Interval *float64    `json:"interval"`
	}
	if err := i.post(ctx, i.device, url.Values{"scope": {scopes}}, &answer); err != nil {
		return nil, fmt.Errorf("asking %s for a code: %w", i.config.Issuer, err)
	}
	if answer.URL == "" {
		answer.URL = answer.OldURL
	}
	c := &Code{User: answer.User, URL: answer.URL, Complete: answer.Complete, device: answer.Device.Value, interval: ordinaryInterval}
	if answer.Interval != nil {
		c.interval = max(seconds(*answer.Interval), shortest)
	}
	c.Expires = time.Now().Add(seconds(answer.Life))
	if c.device.Len() == 0 || c.User == "" || !plain(c.User, maxUserCode) || answer.Life <= 0 || !i.showable(c.URL) {
		return nil, fmt.Errorf("asking %s for a code: the answer is not the one that it should be", i.config.Issuer)
	}
	if !i.showable(c.Complete) {
		c.Complete = ""
	}
	return c, nil
}

// seconds is a duration of maxLife at most. JSON has no number that is none.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, maxLife.Seconds()) * float64(time.Second))
}

// showable reports whether a URL can be shown to a person, who is to open it.
func (i *Issuer) showable(address string) bool {
	unseen := func(r rune) bool { return r <= ' ' || r > '~' }
	return len(address) <= maxShownURL && !strings.ContainsFunc(address, unseen) && i.check(address) == nil
}

// Wait waits until the person has confirmed the code, and returns the tokens. Before each
// question it calls each, unless that is nil. The error is ErrDenied or ErrExpired, or the
// context's cause, or says what is wrong with the issuer.
func (i *Issuer) Wait(ctx context.Context, c *Code, each func()) (*Tokens, error) {
	ctx, cancel := context.WithDeadlineCause(ctx, c.Expires, ErrExpired)
	defer cancel()
	timer := time.NewTimer(c.interval)
	defer timer.Stop()
	for interval, unanswered := c.interval, 0; ; timer.Reset(interval) {
		if each != nil {
			each()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
		tokens, err := i.tokens(ctx, url.Values{"grant_type": {grantType}, "device_code": {c.device.RevealString()}})
		if err == nil {
			return tokens, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		code := ""
		if said, ok := errors.AsType[*Error](err); ok {
			code, unanswered = said.Code, 0
		} else {
			unanswered++
		}
		switch {
		case code == "authorization_pending":
		case code == "slow_down":
			interval += slower
		case code == "access_denied":
			return nil, ErrDenied
		case code == "expired_token":
			return nil, ErrExpired
		case temporary(err) && unanswered < maxUnanswered:
			interval *= 2
		default:
			return nil, fmt.Errorf("asking %s for tokens: %w", i.config.Issuer, err)
		}
	}
}
