// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// TestIssuersThatAreOfNoUse holds that a token is refused while the issuer's keys can't be
// had, whatever the issuer does, and taken when they can.
func TestIssuersThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	elsewhere := oidctest.New(t)
	document := func(w http.ResponseWriter, issuer, keys string) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, keys)
	}
	for name, answer := range map[string]func(h *house, w http.ResponseWriter, req *http.Request){
		"an error": func(_ *house, w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "", http.StatusInternalServerError)
		},
		"no JSON": func(_ *house, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"nothing": func(*house, http.ResponseWriter, *http.Request) {},
		"a name twice": func(h *house, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":"a","issuer":%q}`, h.issuer.URL)
		},
		"a huge answer": func(_ *house, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ", 1<<20), "{}")
		},
		"a huge header": func(_ *house, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("A", strings.Repeat("a", 1<<16))
		},
		"another's": func(h *house, w http.ResponseWriter, _ *http.Request) {
			document(w, elsewhere.URL, h.issuer.URL+"/keys")
		},
		"no keys": func(h *house, w http.ResponseWriter, _ *http.Request) { document(w, h.issuer.URL, "") },
		"keys in a file": func(h *house, w http.ResponseWriter, _ *http.Request) {
			document(w, h.issuer.URL, "file:///etc/passwd")
		},
		"keys in the open": func(h *house, w http.ResponseWriter, _ *http.Request) {
			document(w, h.issuer.URL, "http://example.com/keys")
		},
		"metadata": func(h *house, w http.ResponseWriter, _ *http.Request) {
			document(w, h.issuer.URL, "https://169.254.169.254/latest")
		},
		"to another host": func(_ *house, w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL+req.URL.Path, http.StatusFound)
		},
		"round in circles": func(_ *house, w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, req.URL.Path, http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			token := h.issuer.Token(claims(nil))
			h.issuer.Answer(func(w http.ResponseWriter, req *http.Request) { answer(h, w, req) })
			h.wants(oidc.Unreachable, "while it is", token)
			h.issuer.Answer(nil)
			h.wants(oidc.Unreachable, "at once after", token)
			h.clock.advance(time.Minute)
			h.wants(0, "later", token)
		})
	}
	if n := elsewhere.Fetches.Load(); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestASlowIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.issuer.Token(claims(nil))
	asked, over := make(chan struct{}), make(chan struct{})
	h.issuer.Answer(func(_ http.ResponseWriter, req *http.Request) {
		close(asked)
		<-req.Context().Done() // the verifier has hung up
		close(over)
	})
	parsed, err := oidc.Parse([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	err = h.Verify(ctx, parsed, oidc.Terms{Issuer: h.issuer.URL, Audiences: []string{"sts.amazonaws.com"}})
	if e, ok := errors.AsType[*oidc.Error](err); !ok || e.Kind != oidc.Unreachable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	h.Close() // which need not wait for the fetch to take too long
	<-over
}

func TestKeysAreRememberedAndRenewed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fetched := func(want int64) {
		t.Helper()
		if got := h.issuer.Fetches.Load(); got != want {
			t.Errorf("the keys were fetched %d times, want %d", got, want)
		}
	}
	long := map[string]any{"exp": start.Add(24 * time.Hour).Unix()}
	first := h.issuer.Token(claims(long))
	for range 3 {
		h.wants(0, "the first", first)
	}
	fetched(1)

	h.issuer.Rotate("key-2")
	second := h.issuer.Token(claims(long))
	h.wants(oidc.UnknownKey, "one with a new key, at once", second)
	fetched(1)
	h.clock.advance(11 * time.Second)
	h.wants(0, "one with a new key", second)
	fetched(2)
	h.wants(oidc.UnknownKey, "one with a key that is withdrawn", first)
	fetched(2)

	h.issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) })
	h.clock.advance(45 * time.Minute)
	h.wants(0, "with keys that are to be renewed and can't be", second)
	h.clock.advance(14 * time.Minute)
	h.wants(0, "at the end of their time", second)
	h.clock.advance(2 * time.Minute)
	h.wants(oidc.Unreachable, "after their time", second)
	h.issuer.Answer(nil)
	h.clock.advance(time.Minute)
	h.wants(0, "when the issuer is back", second)
	fetched(3)
}

func TestOneFetchForAllWhoWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.issuer.Token(claims(nil))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { h.wants(0, "one of many", token) })
	}
	wg.Wait()
	if n := h.issuer.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestKeysThatAreOfNoUse holds which of a set's keys signatures are taken of.
func TestKeysThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, es := oidctest.Key{ID: "a", Algorithm: "RS256", Private: private}, oidctest.Key{ID: "a", Algorithm: "ES256", Private: point}
	with := func(k oidctest.Key, member string, value any) map[string]any {
		j := oidctest.JWK(k)
		if j[member] = value; value == nil {
			delete(j, member)
		}
		return j
	}
	b64 := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		key  oidctest.Key
		jwk  any
		want oidc.Kind
	}{
		"without alg":         {rs, with(rs, "alg", nil), 0},
		"without use":         {rs, with(rs, "use", nil), 0},
		"to verify":           {rs, with(rs, "key_ops", []string{"verify"}), 0},
		"to encrypt":          {rs, with(rs, "use", "enc"), oidc.UnknownKey},
		"to wrap":             {rs, with(rs, "key_ops", []string{"wrapKey"}), oidc.UnknownKey},
		"for RSA-PSS":         {rs, with(rs, "alg", "PS256"), oidc.UnknownKey},
		"without an id":       {rs, with(rs, "kid", ""), oidc.UnknownKey},
		"too short":           {rs, with(rs, "n", b64(private.N.Bytes()[:128])), oidc.UnknownKey},
		"too long":            {rs, with(rs, "n", b64(make([]byte, 4096))), oidc.UnknownKey},
		"an exponent of one":  {rs, with(rs, "e", "AQ"), oidc.UnknownKey},
		"an exponent of two":  {rs, with(rs, "e", "Ag"), oidc.UnknownKey},
		"a long exponent":     {rs, with(rs, "e", b64(make([]byte, 9))), oidc.UnknownKey},
		"a secret":            {rs, map[string]any{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}, oidc.UnknownKey},
		"a number":            {rs, 7, oidc.UnknownKey},
		"a curve":             {es, oidctest.JWK(es), 0},
		"another curve":       {es, with(es, "crv", "P-384"), oidc.UnknownKey},
		"an unknown curve":    {es, with(es, "crv", "secp256k1"), oidc.UnknownKey},
		"a point off a curve": {es, with(es, "x", b64(make([]byte, 32))), oidc.UnknownKey},
		"a short coordinate":  {es, with(es, "x", b64(make([]byte, 31))), oidc.UnknownKey},
	} {
		h := newHouse(t)
		h.issuer.Use(c.key)
		h.issuer.Publish(7, c.jwk)
		h.wants(c.want, name, h.issuer.Token(claims(nil)))
	}
}

// TestGuard holds that the addresses which the configuration doesn't name can't be reached.
func TestGuard(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New(t)
	clock := &clock{now: start}
	token, err := oidc.Parse([]byte(issuer.Token(claims(nil))))
	if err != nil {
		t.Fatal(err)
	}
	terms := oidc.Terms{Issuer: issuer.URL, Audiences: []string{"sts.amazonaws.com"}}
	for name, c := range map[string]struct {
		networks []netip.Prefix
		open     bool
	}{
		"none": {nil, false}, "another": {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false}, "this one": {oidctest.Loopback, true},
	} {
		v := oidc.New(oidc.Config{Networks: c.networks, Now: clock.Now})
		if err := v.Verify(t.Context(), token, terms); (err == nil) != c.open {
			t.Errorf("%s: %v", name, err)
		}
		v.Close()
	}
}

// TestTLS holds that the issuer's certificate has to be one that is trusted.
func TestTLS(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New(t)
	server := httptest.NewUnstartedServer(issuer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	issuer.URL = server.URL
	token, err := oidc.Parse([]byte(issuer.Token(claims(nil))))
	if err != nil {
		t.Fatal(err)
	}
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	clock := &clock{now: start}
	for _, trusted := range []bool{true, false} {
		c := oidc.Config{Networks: oidctest.Loopback, Now: clock.Now}
		if trusted {
			c.Roots = roots
		}
		v := oidc.New(c)
		if err := v.Verify(t.Context(), token, oidc.Terms{Issuer: issuer.URL, Audiences: []string{"sts.amazonaws.com"}}); (err == nil) != trusted {
			t.Errorf("trusted %v: %v", trusted, err)
		}
		v.Close()
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"https://token.actions.githubusercontent.com": true, "https://oidc.eks.eu-west-1.amazonaws.com/id/A": true, "http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost": true,
		"http://example.com": false, "http://127.0.0.1.example.com": false, "https://": false, "ftp://localhost": false, "https://a@example.com": false,
		"https://example.com?a": false, "https://example.com?": false, "https://example.com#a": false, "": false, "example.com": false,
	} {
		if err := oidc.CheckURL(url); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}
