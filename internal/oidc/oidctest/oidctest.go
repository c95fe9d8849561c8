// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package oidctest runs an issuer of OpenID Connect tokens for tests: its discovery
// document, its keys and whatever may be wrong with either, on a loopback address.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Loopback are the addresses that an Issuer has.
var Loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Key is a key that an issuer signs with.
type Key struct {
	ID        string
	Algorithm string // "RS256", "ES384"
	Private   crypto.Signer
}

// Issuer is a running issuer. Its methods may be called concurrently.
type Issuer struct {
	// URL is what its tokens have as iss.
	URL string
	// Fetches counts how often its keys were asked for.
	Fetches atomic.Int64

	tb testing.TB

	mu        sync.Mutex
	key       Key
	published []any
	answer    http.HandlerFunc // instead of its own
	person    *Person
}

// New starts an issuer with a key of 2048 bits for RS256. It ends with the test.
func New(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb}
	server := httptest.NewServer(i)
	tb.Cleanup(server.Close)
	i.URL = server.URL
	i.Rotate("key-1")
	return i
}

// Rotate makes a new key for RS256, the only one from then on.
func (i *Issuer) Rotate(id string) {
	i.tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.tb.Fatal(err)
	}
	i.Use(Key{id, "RS256", private})
}

// Use has the issuer sign with a key, and publish it alone.
func (i *Issuer) Use(k Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.published = k, []any{JWK(k)}
}

// Publish has the issuer publish other keys than the one that it signs with.
func (i *Issuer) Publish(keys ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.published = keys
}

// Answer has a handler answer in the place of the issuer. Nil ends that.
func (i *Issuer) Answer(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = h
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	i.mu.Lock()
	answer, published, person := i.answer, i.published, i.person
	i.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, req)
	case req.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
			"device_authorization_endpoint": i.URL + "/device", "token_endpoint": i.URL + "/token", "revocation_endpoint": i.URL + "/revoke",
		})
	case req.URL.Path == "/keys":
		i.Fetches.Add(1)
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": published})
	case person != nil && req.Method == http.MethodPost:
		person.serve(i, w, req)
	default:
		http.NotFound(w, req)
	}
}

// Host is the issuer as condition keys and ARNs name it: its URL without the scheme.
func (i *Issuer) Host() string {
	_, host, _ := strings.Cut(i.URL, "://")
	return host
}

// Token signs claims, to which iss is added if it is not among them.
func (i *Issuer) Token(claims map[string]any) string {
	i.tb.Helper()
	i.mu.Lock()
	k := i.key
	i.mu.Unlock()
	all := map[string]any{"iss": i.URL}
	maps.Copy(all, claims)
	return Sign(i.tb, k, map[string]any{"alg": k.Algorithm, "kid": k.ID, "typ": "JWT"}, all)
}

// Sign signs a token with this header, whatever it says.
func Sign(tb testing.TB, k Key, header, claims any) string {
	tb.Helper()
	signed := Unsigned(tb, header, claims)
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[2:]]
	h := hash.New()
	h.Write([]byte(signed))
	var signature []byte
	var err error
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, private, hash, h.Sum(nil))
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, private, h.Sum(nil))
		if err = failed; err == nil {
			size := (private.Params().BitSize + 7) / 8
			signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	default:
		err = fmt.Errorf("a key of type %T", private)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Unsigned returns the first two parts of a token, with the dot between them.
func Unsigned(tb testing.TB, header, claims any) string {
	tb.Helper()
	var parts []string
	for _, part := range []any{header, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			tb.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	return strings.Join(parts, ".")
}

// JWK is the public half of a key as a set has it.
func JWK(k Key) map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	out := map[string]any{"kid": k.ID, "use": "sig", "alg": k.Algorithm}
	switch public := k.Private.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", encode(public.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err) // the curve is one of the standard's
		}
		size := len(point) / 2
		out["kty"], out["crv"] = "EC", public.Params().Name
		out["x"], out["y"] = encode(point[1:1+size]), encode(point[1+size:])
	}
	return out
}
