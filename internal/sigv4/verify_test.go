// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

var body = []byte(`{"SecretId":"prod/db"}`)

func TestEverySignedPartCounts(t *testing.T) {
	t.Parallel()
	with := exampleSigning()
	with.Credentials.SessionToken = "token"
	edit := func(from, to string) func(*http.Request) {
		return func(req *http.Request) {
			h := req.Header.Get("Authorization")
			if !strings.Contains(h, from) {
				t.Errorf("no %s in %s", from, h)
			}
			req.Header.Set("Authorization", strings.Replace(h, from, to, 1))
		}
	}
	set := func(key, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(key, value) }
	}
	for name, change := range map[string]func(*http.Request){
		"method":            func(req *http.Request) { req.Method = http.MethodPut },
		"path":              func(req *http.Request) { req.RequestURI = "/x" },
		"query":             func(req *http.Request) { req.RequestURI = "/?x" },
		"host":              func(req *http.Request) { req.Host = "kms.us-east-1.example.com" },
		"target":            set("X-Amz-Target", "secretsmanager.DeleteSecret"),
		"content type":      set("Content-Type", "application/x-www-form-urlencoded"),
		"token":             set("X-Amz-Security-Token", "Token"),
		"second value":      func(req *http.Request) { req.Header.Add("X-Amz-Target", "secretsmanager.DeleteSecret") },
		"header gone":       func(req *http.Request) { req.Header.Del("Accept-Encoding") },
		"time":              set("X-Amz-Date", "20150830T123601Z"),
		"region":            edit("us-east-1", "us-east-2"),
		"service":           edit("/service/", "/services/"),
		"header not signed": edit("accept-encoding;", ""),
		"header not sent":   edit("accept-encoding;", "accept;accept-encoding;"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := signed(t, body, with)
			terms := sigv4.Terms{Secret: exampleSecret, Now: suiteTime}
			if err := verify(req, body, terms); err != nil {
				t.Fatal(err)
			}
			change(req)
			wantError(t, verify(req, body, terms), sigv4.InvalidSignature, "we calculated does not match")
		})
	}
	t.Run("body", func(t *testing.T) {
		t.Parallel()
		req := signed(t, body, with)
		for _, other := range []string{"", string(body) + " ", `{"SecretId":"prod/dc"}`} {
			wantError(t, verify(req, []byte(other), exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
		}
	})
	t.Run("every character of the signature", func(t *testing.T) {
		t.Parallel()
		req := signed(t, body, with)
		header := req.Header.Get("Authorization")
		for i := len(header) - 64; i < len(header); i++ {
			b := []byte(header)
			b[i] ^= 1
			req.Header.Set("Authorization", string(b))
			wantError(t, verify(req, body, exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
		}
		for _, other := range []string{header[:len(header)-1], header + "0", strings.ToUpper(header[len(header)-64:])} {
			req.Header.Set("Authorization", header[:len(header)-64]+other[max(len(other)-65, 0):])
			wantError(t, verify(req, body, exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for name, c := range map[string]struct {
		late    time.Duration // of the server's clock
		window  time.Duration
		message string
	}{
		"at once":          {0, 0, ""},
		"at the late edge": {15 * minute, 0, ""},
		"over the late edge": {
			15*minute + time.Second, 0,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)",
		},
		"a little over":     {15*minute + 1, 0, "Signature expired: "},
		"at the early edge": {-15 * minute, 0, ""},
		"over the early edge": {
			-15*minute - time.Second, 0,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)",
		},
		"in a smaller window": {5 * minute, 5 * minute, ""},
		"over a smaller window": {
			15 * minute, 5 * minute,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T124600Z (20150830T125100Z - 5 min.)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terms := exampleTerms()
			terms.Now, terms.Window = suiteTime.Add(c.late), c.window
			err := verify(signed(t, body, exampleSigning()), body, terms)
			if c.message != "" {
				wantError(t, err, sigv4.InvalidSignature, c.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	replace := func(from, to string) error {
		req := signed(t, body, exampleSigning())
		req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), from, to, 1))
		return verify(req, body, exampleTerms())
	}
	const scope = "20150830/us-east-1/service/aws4_request"
	for to, message := range map[string]string{
		"20150830/eu-west-1/service/aws4_request": "Credential should be scoped to a valid region. ",
		"20150830/us-east-1/iam/aws4_request":     "Credential should be scoped to correct service: 'service'. ",
		"20150830/us-east-1/service/aws5_request": "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
		"20150829/us-east-1/service/aws4_request": "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
			"'20150829' != '20150830', from '20150830T123600Z'.",
		"x/y/z/w": "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'service'. " +
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'w'. Date in Credential scope",
	} {
		wantError(t, replace(scope, to), sigv4.InvalidSignature, message)
	}
}

// TestNamesInTheScope: where any region or service is taken, it must still be a name.
func TestNamesInTheScope(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"US-EAST-1", "a_b", "a b", "\u00e9", strings.Repeat("a", 65)} {
		with := exampleSigning()
		with.Region = name
		terms := sigv4.Terms{Secret: exampleSecret, Now: suiteTime}
		wantError(t, verify(signed(t, body, with), body, terms), sigv4.InvalidSignature, "Credential should be scoped to a valid region. ")
		with.Region, with.Service = "x", name
		wantError(t, verify(signed(t, body, with), body, terms), sigv4.InvalidSignature, "Credential should be scoped to correct service. ")
	}
}

// TestRefusalsDoTheSameWork: the time of a refusal must not tell whether a key
// exists or is in use. A derivation is what would tell, and it shows in allocations.
func TestRefusalsDoTheSameWork(t *testing.T) {
	var v sigv4.Verifier
	req := signed(t, body, exampleSigning())
	p, err := sigv4.Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(p, body, exampleTerms()); err != nil {
		t.Fatal(err)
	}
	forged, err := sigv4.Parse(forge(req))
	if err != nil {
		t.Fatal(err)
	}
	work := func(key secret.Value) float64 {
		terms := exampleTerms()
		terms.Secret = key
		return testing.AllocsPerRun(100, func() {
			if v.Verify(forged, body, terms) == nil {
				t.Error("accepted")
			}
		})
	}
	inUse, notInUse, unknown := work(exampleSecret), work(secret.FromString("another")), work(secret.Value{})
	const tolerance = 5 // of some 40: the race detector makes sync.Pool forget at random
	if most, least := max(inUse, notInUse, unknown), min(inUse, notInUse, unknown); least < 20 || most-least > tolerance {
		t.Errorf("%v allocations for a key in use, %v for one not in use, %v for an unknown one", inUse, notInUse, unknown)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var (
		s  sigv4.Signer
		v  sigv4.Verifier
		wg sync.WaitGroup
	)
	for i := range 8 {
		wg.Go(func() {
			with := exampleSigning()
			with.Region = "region-" + strconv.Itoa(i%3)
			for range 50 {
				req := jsonRequest(body)
				if err := s.Sign(req, body, with); err != nil {
					t.Error(err)
				}
				p, err := sigv4.Parse(req)
				if err == nil {
					err = v.Verify(p, body, sigv4.Terms{Secret: exampleSecret, Now: suiteTime})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestPayloadHash: what the request says of its body's hash is held against the body.
func TestPayloadHash(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		hash(body):                           true,
		hash(nil):                            false,
		"UNSIGNED-PAYLOAD":                   false,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": false,
		"":                                   false,
	} {
		req := jsonRequest(body)
		req.Header.Set("X-Amz-Content-Sha256", value)
		var s sigv4.Signer
		if err := s.Sign(req, body, exampleSigning()); err != nil {
			t.Fatal(err)
		}
		if err := verify(req, body, exampleTerms()); ok != (err == nil) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestUnsignedPayloadIsRefused signs as an S3 client may: with the words in the
// hash's place.
func TestUnsignedPayloadIsRefused(t *testing.T) {
	t.Parallel()
	req := jsonRequest(body)
	req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	signBySDK(t, req, "UNSIGNED-PAYLOAD")
	wantError(t, verify(req, body, exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
}

func TestUnknownKey(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]secret.Value{"absent": {}, "empty": secret.New(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terms := exampleTerms()
			terms.Secret = key
			req := signed(t, body, exampleSigning())
			wantError(t, verify(req, body, terms), sigv4.UnknownKey, "The security token included in the request is invalid.")

			// Not even with the secret that stands in for the missing one.
			with := exampleSigning()
			with.Credentials.SecretAccessKey = secret.New(make([]byte, 40))
			req = signed(t, body, with)
			wantError(t, verify(req, body, terms), sigv4.UnknownKey, "The security token included in the request is invalid.")

			// What is wrong with the request regardless of the key comes first, as with a known one.
			terms.Now = suiteTime.Add(time.Hour)
			wantError(t, verify(req, body, terms), sigv4.InvalidSignature, "Signature expired")
		})
	}
}

// TestChangedSecret: a derived key must not outlive its secret.
func TestChangedSecret(t *testing.T) {
	t.Parallel()
	var v sigv4.Verifier
	p, err := sigv4.Parse(signed(t, body, exampleSigning()))
	if err != nil {
		t.Fatal(err)
	}
	changed := exampleTerms()
	changed.Secret = secret.FromString("another")
	for range 3 {
		if err := v.Verify(p, body, exampleTerms()); err != nil {
			t.Error(err)
		}
		wantError(t, v.Verify(p, body, changed), sigv4.InvalidSignature, "we calculated does not match")
	}
}

func TestPresigned(t *testing.T) {
	t.Parallel()
	presign := func(t *testing.T, expires time.Duration) *http.Request {
		t.Helper()
		req := httptest.NewRequest(http.MethodGet, "http://sts.example.com/?Action=GetCallerIdentity&Version=2011-06-15", nil)
		with := exampleSigning()
		with.Credentials.SessionToken = "to/ken="
		var s sigv4.Signer
		signed, err := s.Presign(req, nil, with, expires)
		if err != nil {
			t.Fatal(err)
		}
		return httptest.NewRequest(http.MethodGet, signed, nil)
	}
	at := func(late time.Duration) sigv4.Terms {
		terms := exampleTerms()
		terms.Now = suiteTime.Add(late)
		return terms
	}

	req := presign(t, time.Minute)
	p, err := sigv4.Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Presigned || p.Expires != time.Minute || p.SessionToken() != "to/ken=" || p.AccessKeyID != exampleKeyID {
		t.Errorf("parsed %+v", p)
	}
	for _, late := range []time.Duration{-15 * time.Minute, 0, time.Minute} {
		if err := verify(req, nil, at(late)); err != nil {
			t.Errorf("%v: %v", late, err)
		}
	}
	wantError(t, verify(req, nil, at(time.Minute+1)), sigv4.RequestExpired, "Request has expired.")
	wantError(t, verify(req, nil, at(-15*time.Minute-1)), sigv4.InvalidSignature, "Signature not yet current: ")

	week := presign(t, sigv4.MaxExpires)
	if err := verify(week, nil, at(sigv4.MaxExpires)); err != nil {
		t.Error(err)
	}
	wantError(t, verify(week, nil, at(sigv4.MaxExpires+1)), sigv4.RequestExpired, "")

	unlimited := presign(t, 0)
	if err := verify(unlimited, nil, at(15*time.Minute)); err != nil {
		t.Error(err)
	}
	wantError(t, verify(unlimited, nil, at(15*time.Minute+1)), sigv4.InvalidSignature, "Signature expired: ")

	wantError(t, verify(req, []byte("Action=AssumeRole"), at(0)), sigv4.InvalidSignature, "we calculated does not match")
	for _, c := range [][2]string{{"GetCallerIdentity", "GetSessionToken"}, {"Expires=60", "Expires=61"}, {"to%2Fken", "to%2Fke"}, {"&X-Amz-Date", "&a=&X-Amz-Date"}} {
		target := strings.Replace(req.RequestURI, c[0], c[1], 1)
		if target == req.RequestURI {
			t.Fatalf("no %s in %s", c[0], target)
		}
		wantError(t, verify(httptest.NewRequest(http.MethodGet, target, nil), nil, at(0)), sigv4.InvalidSignature, "")
	}
}

func TestPresignRefuses(t *testing.T) {
	t.Parallel()
	var s sigv4.Signer
	req := httptest.NewRequest(http.MethodGet, "http://sts.example.com/", nil)
	for _, expires := range []time.Duration{-time.Second, time.Millisecond, sigv4.MaxExpires + time.Second} {
		if _, err := s.Presign(req, nil, exampleSigning(), expires); err == nil {
			t.Errorf("%v accepted", expires)
		}
	}
	again := httptest.NewRequest(http.MethodGet, "http://sts.example.com/?X-Amz-Algorithm=x", nil)
	if _, err := s.Presign(again, nil, exampleSigning(), time.Second); err == nil {
		t.Error("presigned twice")
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]sigv4.Signing{
		"no key":    {Credentials: sigv4.Credentials{SecretAccessKey: exampleSecret}, Region: "r", Service: "s"},
		"no secret": {Credentials: sigv4.Credentials{AccessKeyID: "k"}, Region: "r", Service: "s"},
		"no region": {Credentials: exampleSigning().Credentials, Service: "s"},
	} {
		var s sigv4.Signer
		req := jsonRequest(body)
		if err := s.Sign(req, body, with); err == nil || req.Header.Get("Authorization") != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var s sigv4.Signer
	req := signed(t, body, exampleSigning())
	req.Header["x-custom"] = []string{"1"}
	if err := s.Sign(req, body, exampleSigning()); err == nil || req.Header.Get("Authorization") != "" {
		t.Errorf("a header that is not in canonical form: %v", err)
	}
	req = &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "example.com", RawQuery: "%zz"}}
	if err := s.Sign(req, nil, exampleSigning()); err == nil {
		t.Error("a query that can't be decoded was signed")
	}
}

// TestSignTakesTheHostOfTheURL, as net/http's client does if Host is empty.
func TestSignTakesTheHostOfTheURL(t *testing.T) {
	t.Parallel()
	var s sigv4.Signer
	long := "X-" + strings.Repeat("A", 80)
	req := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "example.com:8080", Path: "/"},
		Header: http.Header{http.CanonicalHeaderKey(long): {"1"}},
	}
	if err := s.Sign(req, nil, exampleSigning()); err != nil {
		t.Fatal(err)
	}
	req.Host, req.RequestURI, req.URL = "example.com:8080", "/", nil
	if err := verify(req, nil, exampleTerms()); err != nil {
		t.Error(err)
	}
	req.Host = "example.com"
	wantError(t, verify(req, nil, exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
}

// TestSigningAgain: a retry is signed anew, without what the last signature left.
func TestSigningAgain(t *testing.T) {
	t.Parallel()
	var s sigv4.Signer
	with := exampleSigning()
	with.Credentials.SessionToken = "token"
	req := signed(t, body, with)
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Length", strconv.Itoa(len(body)))
	with.Credentials.SessionToken, with.Time = "", suiteTime.Add(time.Hour)
	if err := s.Sign(req, body, with); err != nil {
		t.Fatal(err)
	}
	terms := exampleTerms()
	terms.Now = with.Time
	if err := verify(req, body, terms); err != nil || req.Header.Get("X-Amz-Security-Token") != "" {
		t.Error(err, req.Header)
	}
}

// TestErrorsAreOfOurType holds what callers rely on.
func TestErrorsAreOfOurType(t *testing.T) {
	t.Parallel()
	_, err := sigv4.Parse(jsonRequest(nil))
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Fatal(err)
	}
	if got := e.JSON(); got != (sigv4.Answer{Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token", Status: 400}) {
		t.Error(got)
	}
	if got := e.Query(); got != (sigv4.Answer{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token", Status: 403}) {
		t.Error(got)
	}
	if got := sigv4.ExpiredToken.Err().Error(); got != "sigv4: ExpiredTokenException: The security token included in the request is expired" {
		t.Error(got)
	}
}
