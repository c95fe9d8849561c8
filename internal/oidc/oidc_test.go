// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

// clock is one that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is an issuer and a verifier that trusts it.
type house struct {
	*testing.T
	*oidc.Verifier
	issuer *oidctest.Issuer
	clock  *clock
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, issuer: oidctest.New(t), clock: &clock{now: start}}
	h.Verifier = oidc.New(oidc.Config{Networks: oidctest.Loopback, Now: h.clock.Now})
	t.Cleanup(h.Close)
	return h
}

// claims are good ones, but for those that are given.
func claims(others map[string]any) map[string]any {
	all := map[string]any{
		"sub": "system:serviceaccount:app:reader", "aud": "sts.amazonaws.com",
		"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
	maps.Copy(all, others)
	return all
}

// verify parses and verifies.
func (h *house) verify(token string) error {
	parsed, err := oidc.Parse([]byte(token))
	if err != nil {
		return err
	}
	return h.Verify(h.Context(), parsed, oidc.Terms{Issuer: h.issuer.URL, Audiences: []string{"other", "sts.amazonaws.com"}})
}

func (h *house) wants(kind oidc.Kind, name, token string) {
	h.Helper()
	err := h.verify(token)
	if kind == 0 && err == nil {
		return
	}
	if got, ok := errors.AsType[*oidc.Error](err); !ok || got.Kind != kind {
		h.Errorf("%s: got %v, want the kind %d", name, err, kind)
	}
}

func TestAGoodToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.issuer.Token(claims(map[string]any{
		"aud": []string{"x", "sts.amazonaws.com"}, "nbf": start.Unix(), "amr": []string{"pwd", "otp"}, "repository": "a/b", "number": 7,
		"https://aws.amazon.com/tags": map[string]any{
			"principal_tags": map[string]any{"Project": []string{"Automation"}, "CostCenter": "987654"}, "transitive_tag_keys": []string{"Project"},
		},
		"https://aws.amazon.com/source_identity": "ada",
	}))
	parsed, err := oidc.Parse([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Claims{
		Issuer: h.issuer.URL, Subject: "system:serviceaccount:app:reader", Audience: []string{"x", "sts.amazonaws.com"}, Methods: []string{"pwd", "otp"},
		Expires: start.Add(time.Hour), IssuedAt: start, NotBefore: start,
		Tags: map[string]string{"Project": "Automation", "CostCenter": "987654"}, Transitive: []string{"Project"}, SourceIdentity: "ada",
		Others: map[string][]string{"repository": {"a/b"}},
	}
	if diff := cmp.Diff(want, parsed.Claims, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	h.wants(0, "a good token", token)
}

// TestTagsInTheirFlatForm reads tags of issuers that can't nest claims.
func TestTagsInTheirFlatForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	parsed, err := oidc.Parse([]byte(h.issuer.Token(claims(map[string]any{
		"https://aws.amazon.com/tags/principal_tags/Project": "Automation",
		"https://aws.amazon.com/tags/transitive_tag_keys":    []string{"Project"},
	}))))
	if err != nil || parsed.Claims.Tags["Project"] != "Automation" || len(parsed.Claims.Transitive) != 1 {
		t.Errorf("%+v, %v", parsed, err)
	}
}

func TestEveryAlgorithmOfAWS(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	for name, curve := range map[string]elliptic.Curve{
		"RS256": nil, "RS384": nil, "RS512": nil, "ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521(),
	} {
		k := oidctest.Key{ID: name, Algorithm: name, Private: rsaKey}
		if curve != nil {
			if k.Private, err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
				t.Fatal(err)
			}
		}
		h.issuer.Use(k)
		h.clock.advance(time.Minute)
		token := h.issuer.Token(claims(nil))
		h.wants(0, name, token)
		h.wants(oidc.BadSignature, name+" with another signature", token[:strings.LastIndexByte(token, '.')+1]+base64.RawURLEncoding.EncodeToString(make([]byte, 256)))
	}
}

// TestForgeries are tokens that somebody else than the issuer can make.
func TestForgeries(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	public := publicPEM(t, h.issuer)
	good := h.issuer.Token(claims(nil))
	dot := strings.LastIndexByte(good, '.')
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign := oidctest.Key{ID: "key-1", Algorithm: "RS256", Private: other}
	header := func(alg string, others ...any) map[string]any {
		out := map[string]any{"alg": alg, "kid": "key-1"}
		for i := 0; i < len(others); i += 2 {
			out[others[i].(string)] = others[i+1]
		}
		return out
	}
	own := claims(map[string]any{"iss": h.issuer.URL})
	none := func(alg string) string { return oidctest.Unsigned(t, header(alg), own) }
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(none("HS256")))
	for name, c := range map[string]struct {
		kind  oidc.Kind
		token string
	}{
		"another's key":                   {oidc.BadSignature, oidctest.Sign(t, foreign, header("RS256"), own)},
		"another's key in the header":     {oidc.BadSignature, oidctest.Sign(t, foreign, header("RS256", "jwk", oidctest.JWK(foreign)), own)},
		"another's keys by the header":    {oidc.BadSignature, oidctest.Sign(t, foreign, header("RS256", "jku", "https://example.com/keys"), own)},
		"changed claims":                  {oidc.BadSignature, oidctest.Unsigned(t, header("RS256"), claims(map[string]any{"iss": h.issuer.URL, "sub": "root"})) + good[dot:]},
		"an algorithm of another kind":    {oidc.UnknownKey, none("ES256") + good[dot:]},
		"another hash than the key's":     {oidc.UnknownKey, none("RS512") + good[dot:]},
		"alg none":                        {oidc.Malformed, none("none") + "."},
		"alg none with a signature":       {oidc.Malformed, none("none") + good[dot:]},
		"alg None":                        {oidc.Malformed, none("None") + good[dot:]},
		"no alg":                          {oidc.Malformed, none("") + good[dot:]},
		"HMAC with the public key":        {oidc.Malformed, none("HS256") + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))},
		"RSA-PSS, which AWS doesn't take": {oidc.Malformed, none("PS256") + good[dot:]},
		"an unknown key":                  {oidc.UnknownKey, oidctest.Sign(t, foreign, map[string]any{"alg": "RS256", "kid": "key-2"}, own)},
		"no key id":                       {oidc.Malformed, oidctest.Sign(t, foreign, map[string]any{"alg": "RS256"}, own)},
		"a critical extension":            {oidc.Malformed, oidctest.Sign(t, foreign, header("RS256", "crit", []string{"b64"}, "b64", false), own)},
		"no signature":                    {oidc.Malformed, good[:dot+1]},
		"two parts":                       {oidc.Malformed, good[:dot]},
		"four parts":                      {oidc.Malformed, good + ".a"},
		"five parts, encrypted":           {oidc.Malformed, good + ".a.b"},
		"a line end":                      {oidc.Malformed, good + "\n"},
		"padding":                         {oidc.Malformed, good + "="},
		"claims that are a list":          {oidc.Malformed, oidctest.Unsigned(t, header("RS256"), []string{}) + good[dot:]},
		"a name twice":                    {oidc.Malformed, good[:strings.IndexByte(good, '.')+1] + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"a","iss":"b"}`)) + good[dot:]},
		"nested too deep":                 {oidc.Malformed, good[:strings.IndexByte(good, '.')+1] + base64.RawURLEncoding.EncodeToString([]byte(`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}")) + good[dot:]},
		"too long":                        {oidc.Malformed, good + strings.Repeat("A", oidc.MaxToken)},
		"nothing":                         {oidc.Malformed, ""},
		"another issuer":                  {oidc.WrongIssuer, h.issuer.Token(claims(map[string]any{"iss": h.issuer.URL + "/"}))},
	} {
		h.wants(c.kind, name, c.token)
	}
	h.wants(0, "the good one", good)
}

// publicPEM gives the issuer a key, and returns the public half.
func publicPEM(t *testing.T, i *oidctest.Issuer) []byte {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.Use(oidctest.Key{ID: "key-1", Algorithm: "RS256", Private: private})
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestClaims holds what a token must say, and that a clock may be wrong by five minutes.
func TestClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	for name, c := range map[string]struct {
		kind   oidc.Kind
		claims map[string]any
	}{
		"for another":                      {oidc.WrongAudience, map[string]any{"aud": "somebody"}},
		"for several others":               {oidc.WrongAudience, map[string]any{"aud": []string{"a", "b"}}},
		"for a prefix":                     {oidc.WrongAudience, map[string]any{"aud": "sts.amazonaws.com.example.com"}},
		"by a party that is known":         {0, map[string]any{"aud": "somebody", "azp": "other"}},
		"by a party that is not":           {oidc.WrongAudience, map[string]any{"azp": "somebody"}},
		"for nobody":                       {oidc.Malformed, map[string]any{"aud": []string{}}},
		"for a number":                     {oidc.Malformed, map[string]any{"aud": 7}},
		"for numbers":                      {oidc.Malformed, map[string]any{"aud": []int{7}}},
		"without a subject":                {oidc.Malformed, map[string]any{"sub": ""}},
		"with a subject of null":           {oidc.Malformed, map[string]any{"sub": nil}},
		"without an end":                   {oidc.Malformed, map[string]any{"exp": nil}},
		"with an end in text":              {oidc.Malformed, map[string]any{"exp": "2000000000"}},
		"with an end in fractions":         {oidc.Malformed, map[string]any{"exp": 2000000000.5}},
		"with an end that overflows":       {oidc.Malformed, map[string]any{"exp": uint64(1 << 63)}},
		"with a negative end":              {oidc.Malformed, map[string]any{"exp": -1}},
		"just expired":                     {0, map[string]any{"exp": at(-oidc.Skew) + 1}},
		"expired":                          {oidc.Expired, map[string]any{"exp": at(-oidc.Skew)}},
		"good in a while":                  {0, map[string]any{"nbf": at(oidc.Skew)}},
		"good later":                       {oidc.Early, map[string]any{"nbf": at(oidc.Skew) + 1}},
		"issued in the future":             {oidc.Early, map[string]any{"iat": at(oidc.Skew) + 1}},
		"tags that are no object":          {oidc.Malformed, map[string]any{"https://aws.amazon.com/tags": "a"}},
		"a tag with two values":            {oidc.Malformed, map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"b", "c"}}}}},
		"a source identity that is a list": {oidc.Malformed, map[string]any{"https://aws.amazon.com/source_identity": []string{"a"}}},
	} {
		h.wants(c.kind, name, h.issuer.Token(claims(c.claims)))
	}
	if err := h.verify(h.issuer.Token(claims(map[string]any{"exp": at(-time.Hour)}))); err != nil {
		e, _ := errors.AsType[*oidc.Error](err)
		if !e.At.Equal(start) || !e.Limit.Equal(start.Add(-time.Hour)) {
			t.Errorf("it says %v and %v", e.At, e.Limit)
		}
	}
}
