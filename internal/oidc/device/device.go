// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package device gets OpenID Connect tokens for a person at a terminal, by the OAuth 2.0
// device authorization grant: the person confirms a short code in a browser, on whatever
// machine, while the program asks the issuer again and again whether that has happened.
//
// The issuer's discovery document says where to ask. Nothing that an issuer answers is
// believed further than it has to be: answers are bounded in length and time, redirects
// are not followed, addresses are HTTPS, or of this machine if the issuer is, and what is
// shown to the person is made of characters that can be seen. Errors hold neither tokens
// nor codes. Whether an ID token is good is for whoever it is given to: see package oidc.
//
// References: RFC 8628; RFC 6749, sections 5 and 6; RFC 7009; OpenID Connect Discovery 1.0.
package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// discoveryPath is where the discovery document is, below the issuer's URL (OpenID Connect
// Discovery 1.0, section 4).
const discoveryPath = "/.well-known/openid-configuration"

// Config names an issuer, and the client that a program is to it.
type Config struct {
	// Issuer is the issuer's URL, as its tokens have it.
	Issuer string
	// ClientID is a client that the issuer knows, which has no secret.
	ClientID string
	// Transport sends requests. It follows no redirects, as no RoundTripper does.
	Transport http.RoundTripper
}

// Issuer is an issuer whose discovery document was read. It is for concurrent use.
type Issuer struct {
	config               Config
	device, token, leave string // the endpoints; device and leave may be empty
}

// Tokens are what an issuer gives.
type Tokens struct {
	// ID is the ID token.
	ID secret.Value
	// Refresh gets further tokens. It is zero if the issuer gave none.
	Refresh secret.Value
}

// Discover reads the issuer's discovery document.
func Discover(ctx context.Context, c Config) (*Issuer, error) {
	if err := oidc.CheckURL(c.Issuer); err != nil {
		return nil, err
	}
	i := &Issuer{config: c}
	var document struct {
		Issuer string `json:"issuer"`
		Device string `json:"device_authorization_endpoint"`
		Token  string `json:"token_endpoint"`
		Leave  string `json:"revocation_endpoint"`
	}
	if err := i.do(ctx, http.MethodGet, strings.TrimSuffix(c.Issuer, "/")+discoveryPath, nil, &document); err != nil {
		return nil, fmt.Errorf("discovery document of %s: %w", c.Issuer, err)
	}
	if strings.TrimSuffix(document.Issuer, "/") != strings.TrimSuffix(c.Issuer, "/") {
		return nil, fmt.Errorf("discovery document of %s: it is of another issuer", c.Issuer)
	}
	i.device, i.token, i.leave = document.Device, document.Token, document.Leave
	for name, u := range map[string]string{"device_authorization_endpoint": i.device, "token_endpoint": i.token, "revocation_endpoint": i.leave} {
		if u == "" && name != "token_endpoint" {
			continue
		}
		if err := i.check(u); err != nil {
			return nil, fmt.Errorf("discovery document of %s: %s: %w", c.Issuer, name, err)
		}
	}
	return i, nil
}

// check refuses an address that is less safe than the issuer's own.
func (i *Issuer) check(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("not a URL that can be used")
	}
	if u.Scheme == "http" && strings.HasPrefix(i.config.Issuer, "https:") || oidc.CheckURL(u.Scheme+"://"+u.Host) != nil {
		return errors.New("not HTTPS")
	}
	return nil
}

// Refresh gets new tokens. The old refresh token may be good no longer then: if the issuer
// gives none, Refresh of the answer is the one that was given.
func (i *Issuer) Refresh(ctx context.Context, refresh secret.Value) (*Tokens, error) {
	t, err := i.tokens(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.RevealString()}})
	if err == nil && t.Refresh.Len() == 0 {
		t.Refresh = refresh
	}
	return t, err
}

// Revoke tells the issuer that a refresh token is not used any more. An issuer that has
// nowhere to tell it is left alone.
func (i *Issuer) Revoke(ctx context.Context, refresh secret.Value) error {
	if i.leave == "" {
		return nil
	}
	return i.post(ctx, i.leave, url.Values{"token": {refresh.RevealString()}, "token_type_hint": {"refresh_token"}}, nil)
}

// tokens asks for tokens by a grant. Without an ID token there are none.
func (i *Issuer) tokens(ctx context.Context, grant url.Values) (*Tokens, error) {
	var answer struct {
		ID      secret.Text `json:"id_token"`
		Refresh secret.Text `json:"refresh_token"`
	}
	if err := i.post(ctx, i.token, grant, &answer); err != nil {
		return nil, err
	}
	if answer.ID.Len() == 0 {
		return nil, ErrNoIDToken
	}
	return &Tokens{ID: answer.ID.Value, Refresh: answer.Refresh.Value}, nil
}

// ErrNoIDToken is of an issuer that gives tokens, but none of identity.
var ErrNoIDToken = errors.New("the issuer gave no ID token: the scopes have to have openid among them")
