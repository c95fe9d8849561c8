// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package oidc verifies OpenID Connect ID tokens: of whom they are, that the issuer
// signed them with a key that it publishes, for whom, and for when.
//
// A token is read in two steps. Parse tells what it claims, so that the caller can find
// out whether it trusts the issuer at all; nothing of that may be believed. Verify fetches
// the issuer's keys, if they are not known, and holds the token against them and against
// what the caller expects. Which issuers there are is the caller's to say: nothing is ever
// fetched because a token names it.
//
// Keys come from the jwks_uri of the issuer's discovery document, over HTTPS, without
// following redirects, from addresses that the configuration allows. They are good for an
// hour; after half of that the next token has them fetched anew. A token with an unknown
// key id does so too, at most every ten seconds, so that a key that the issuer has just
// begun to use is found, and made-up ones don't have us storm the issuer. While keys that
// are good can't be had, every token is refused.
//
// Signatures are those that AWS STS takes: RS256, RS384, RS512, ES256, ES384 and ES512
// (STS API Reference, AssumeRoleWithWebIdentity). Neither "none" nor any HMAC is among
// them, whatever a token or a key set says.
//
// References: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7515, 7517, 7518, 7519.
package oidc

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// Skew is how far the issuer's clock may be from ours: how long after its end a token
	// is still taken (IAM User Guide, "OIDC federation": five minutes), and how long before
	// its begin.
	Skew = 5 * time.Minute
	// keysFor is how long keys are used after they were fetched, and renewAfter when they are
	// fetched anew while they are.
	keysFor    = time.Hour
	renewAfter = 30 * time.Minute
	// fetchPause is the shortest time between two fetches from one issuer.
	fetchPause = 10 * time.Second
	// fetchTimeout bounds one fetch, of discovery and keys together. AWS waits five seconds
	// for an issuer (re:Post, "InvalidIdentityToken error").
	fetchTimeout = 5 * time.Second
	// maxIssuers is how many issuers' keys are held. IAM has 100 providers an account (IAM
	// User Guide, "IAM and AWS STS quotas").
	maxIssuers = 1000
)

// Config says how a Verifier reaches issuers. Its zero value reaches public addresses.
type Config struct {
	// Networks are the addresses, beside public ones, that issuers may have.
	Networks []netip.Prefix
	// Roots are the authorities for issuers' certificates. Nil means the system's.
	Roots *x509.CertPool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Verifier verifies tokens, and holds the keys of their issuers. It is for concurrent use.
type Verifier struct {
	now    func() time.Time
	client *http.Client

	life   context.Context // ends with Close
	cancel context.CancelFunc
	flight singleflight.Group
	under  sync.WaitGroup // fetches under way

	mu      sync.Mutex
	issuers map[string]*issuer
}

// New returns a Verifier that knows no keys yet. Close ends what it has under way.
func New(c Config) *Verifier {
	if c.Now == nil {
		c.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: fetchTimeout, ControlContext: guard(c.Networks).control}
	transport := &http.Transport{
		// No proxy: the guard has to see the address that is asked.
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    fetchTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives:      true, // an issuer is asked twice an hour
	}
	v := &Verifier{
		now: c.Now, issuers: map[string]*issuer{},
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	v.life, v.cancel = context.WithCancel(context.Background())
	return v
}

// Close ends fetches that are under way. No Verify may be called any more.
func (v *Verifier) Close() {
	v.cancel()
	v.under.Wait()
}

// Terms are what a token is held against.
type Terms struct {
	// Issuer is the URL of the issuer that the caller trusts, as tokens have it.
	Issuer string
	// Audiences are for whom the token may be. Without one, no token is good.
	Audiences []string
}

// Verify reports whether the token is good at this moment: nil, or an *Error.
func (v *Verifier) Verify(ctx context.Context, t *Token, terms Terms) error {
	if t.Claims.Issuer != terms.Issuer {
		return fault(WrongIssuer, "the token is of another issuer")
	}
	if !t.Claims.meantFor(terms.Audiences) {
		return fault(WrongAudience, "the token is for somebody else")
	}
	if err := t.verifyWith(ctx, v); err != nil {
		return err
	}
	return t.Claims.inTime(v.now())
}

// verifyWith looks for a key that the signature was made with. Keys of one id are few,
// but an issuer may have several with none.
func (t *Token) verifyWith(ctx context.Context, v *Verifier) error {
	keys, err := v.keys(ctx, t.Claims.Issuer, t.keyID)
	if err != nil {
		return err
	}
	found := false
	for _, k := range keys {
		if !k.fits(t.algorithm) {
			continue
		}
		found = true
		if k.verify(t.algorithm, t.signed, t.signature) {
			return nil
		}
	}
	if !found {
		return fault(UnknownKey, "the issuer has no such key")
	}
	return fault(BadSignature, "the signature is not the issuer's")
}

// Error says why a token is not good. It holds nothing of the token.
type Error struct {
	Kind Kind
	// At is the time that the token was held against, and Limit the one that it is
	// beyond, for Expired.
	At, Limit time.Time

	what  string
	cause error
}

// Kind is what kind of fault a token has.
type Kind uint8

// The kinds of faults.
const (
	// Malformed is a token that can't be read, or lacks what a token must have.
	Malformed Kind = iota + 1
	// WrongIssuer is a token of another issuer than is expected.
	WrongIssuer
	// WrongAudience is a token for somebody else.
	WrongAudience
	// UnknownKey is a token that names a key which the issuer does not publish, or not for
	// signatures of the token's kind.
	UnknownKey
	// BadSignature is a token that the issuer did not sign.
	BadSignature
	// Expired is a token whose time is over.
	Expired
	// Early is a token whose time has not come.
	Early
	// Unreachable is an issuer whose keys can't be had.
	Unreachable
)

func fault(k Kind, what string) *Error { return &Error{Kind: k, what: what} }

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.what + ": " + e.cause.Error()
	}
	return cmp.Or(e.what, "the token is not good")
}

// Unwrap returns what kept the issuer from being reached.
func (e *Error) Unwrap() error { return e.cause }
