// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Terms are what a signature is held against.
type Terms struct {
	// Secret is the access key's secret. Absent or empty means that there is no
	// such key: Verify takes as long as with a wrong secret, and answers UnknownKey.
	Secret secret.Value
	// Now is the server's time.
	Now time.Time
	// Service is the name that the scope must have, such as "secretsmanager". Empty
	// takes any.
	Service string
	// Region is the region that the scope must have. Empty takes any well-formed one.
	Region string
	// Window is how far the request's time may be from Now, either way. Zero means
	// DefaultWindow.
	Window time.Duration
}

func (t *Terms) window() time.Duration {
	if t.Window == 0 {
		return DefaultWindow
	}
	return t.Window
}

// A Verifier verifies signatures. The zero value is ready; it keeps the keys it
// derived, in bounds. It is safe for concurrent use, and must not be copied.
type Verifier struct {
	keys keyCache
}

// Verify reports whether the request that p was parsed from, which must not have
// been changed since, is authentic under the terms. The body is the request's
// whole body. The error is an *Error. In this order it says that the time is
// outside of the window, that the scope is another, that the key is unknown, or
// that the signature does not match.
//
// An answer to a wrong signature takes the same time whether the key is known or
// not, and whether it was used before or not.
func (v *Verifier) Verify(p *Presented, body []byte, t Terms) error {
	if err := p.checkTime(&t); err != nil {
		return err
	}
	if err := p.checkScope(&t); err != nil {
		return err
	}
	m := message{
		req: p.req, path: p.path, query: p.query, names: p.SignedHeaders,
		body: sha256.Sum256(body), stamp: p.stamp, scope: p.scope(),
	}
	known := t.Secret.Len() > 0
	matches := v.matches(p, &m, t.Secret.Reveal()) && hashAgrees(&m)
	switch {
	case !known:
		return UnknownKey.Err()
	case !matches:
		return InvalidSignature.Err()
	}
	return nil
}

// standInBytes is the length of the secret that stands in for that of an unknown
// key: 40 characters, as AWS's have.
const standInBytes = 40

// matches reports whether the signature is the message's. Only a known key that made
// a match is kept, so that nobody can fill the cache with scopes that were never
// signed. That would tell a key that is in use by the time that a wrong signature
// takes; so a mismatch under a kept key pays for a derivation too.
func (v *Verifier) matches(p *Presented, m *message, secret []byte) bool {
	known := len(secret) > 0
	if !known {
		secret = make([]byte, standInBytes)
	}
	id := keyID{sha256.Sum256(secret), m.scope}
	if key := v.keys.get(id); key != nil {
		if p.signedBy(key, m) {
			return true
		}
		derive(secret, m.scope)
		return false
	}
	key := derive(secret, m.scope)
	if !p.signedBy(key, m) {
		return false
	}
	if known {
		v.keys.put(id, key)
	}
	return true
}

func (p *Presented) signedBy(key *signingKey, m *message) bool {
	want, ok := key.sign(m)
	var got [signatureLen]byte
	ok = copy(got[:], p.signature) == len(p.signature) && ok
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && ok
}

// hashAgrees reports whether what the request says of its body's hash, if it does,
// is so.
func hashAgrees(m *message) bool {
	values := m.req.Header["X-Amz-Content-Sha256"]
	if len(values) == 0 {
		return true
	}
	var buf [2 * sha256.Size]byte
	hex.Encode(buf[:], m.body[:])
	return len(values) == 1 && values[0] == string(buf[:])
}

// checkTime holds the request's time against the window, or a presigned one's
// against its expiry.
func (p *Presented) checkTime(t *Terms) error {
	window := t.window()
	minutes := int(window.Minutes())
	latest := t.Now.Add(window)
	if p.Time.After(latest) {
		return &Error{InvalidSignature, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
			p.stamp, formatTime(latest), formatTime(t.Now), minutes)}
	}
	if p.Expires > 0 {
		if t.Now.After(p.Time.Add(p.Expires)) {
			return RequestExpired.Err()
		}
		return nil
	}
	earliest := t.Now.Add(-window)
	if p.Time.Before(earliest) {
		return &Error{InvalidSignature, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
			p.stamp, formatTime(earliest), formatTime(t.Now), minutes)}
	}
	return nil
}

// checkScope holds the scope against the terms. Like AWS, it names every fault.
func (p *Presented) checkScope(t *Terms) error {
	var faults string
	if !wellFormed(p.Region) || t.Region != "" && p.Region != t.Region {
		faults += "Credential should be scoped to a valid region. "
	}
	switch {
	case t.Service != "" && p.Service != t.Service:
		faults += fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", t.Service)
	case !wellFormed(p.Service):
		faults += "Credential should be scoped to correct service. "
	}
	if p.terminator != terminator {
		faults += fmt.Sprintf("Credential should be scoped with a valid terminator: '%s', not '%s'. ",
			terminator, excerpt(p.terminator))
	}
	if day := p.stamp[:dateLen]; p.date != day {
		faults += fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "+
			"'%s' != '%s', from '%s'.", excerpt(p.date), day, p.stamp)
	}
	if faults == "" {
		return nil
	}
	return &Error{InvalidSignature, faults}
}

// wellFormed tells the names that regions and services can have.
func wellFormed(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxScopePartBytes
}

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
