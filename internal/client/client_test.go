// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestACallIsSignedAndAddressed(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []answer{{status: 200, body: `{"ARN":"a"}`}}}
	got, err := w.call(t.Context(), t, func(c *client.Config) { c.UserAgent = "coffer/test" })
	if err != nil || string(got) != `{"ARN":"a"}` {
		t.Fatalf("%s, %v", got, err)
	}
	req := w.got[0]
	if req.URL.String() != "https://secretsmanager.eu-west-1.amazonaws.com/" || req.Method != http.MethodPost {
		t.Errorf("%s %s", req.Method, req.URL)
	}
	for name, want := range map[string]string{
		"X-Amz-Target": "secretsmanager.GetSecretValue", "Content-Type": "application/x-amz-json-1.1",
		"User-Agent": "coffer/test", "X-Amz-Security-Token": "token",
	} {
		if got := req.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	req.RequestURI = "/"
	presented, err := sigv4.Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	var v sigv4.Verifier
	terms := sigv4.Terms{Now: time.Now(), Secret: keys.SecretAccessKey, Region: "eu-west-1", Service: "secretsmanager"}
	if err := v.Verify(presented, []byte(`{"SecretId":"x"}`), terms); err != nil {
		t.Errorf("the signature: %v", err)
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	untrusted := answer{err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}
	for name, c := range map[string]struct {
		answers     []answer
		tries       int
		code        string // of the error that is left; "no answer" for one of the network
		unavailable bool
	}{
		"success":                      {[]answer{ok()}, 1, "", false},
		"a refusal":                    {[]answer{fault(400, "AccessDeniedException")}, 1, "AccessDeniedException", false},
		"not found":                    {[]answer{fault(400, "ResourceNotFoundException")}, 1, "ResourceNotFoundException", false},
		"a redirect":                   {[]answer{{status: 302, header: map[string]string{"Location": "https://elsewhere/"}}}, 1, "UnknownError", false},
		"an operation that is missing": {[]answer{fault(501, "NotImplemented")}, 1, "NotImplemented", false},
		"500, then success":            {[]answer{fault(500, "InternalServiceError"), ok()}, 2, "", false},
		"500 for ever":                 {[]answer{fault(500, "InternalServiceError")}, 3, "InternalServiceError", true},
		"a proxy's page":               {[]answer{{status: 502, body: "<html>"}}, 3, "InternalFailure", true},
		"a throttle":                   {[]answer{fault(400, "ThrottlingException"), fault(400, "TooManyRequestsException"), ok()}, 3, "", false},
		"throttles for ever":           {[]answer{fault(429, "Slow")}, 3, "Slow", true},
		"no network":                   {[]answer{refused()}, 3, "no answer", true},
		"a network that comes back":    {[]answer{refused(), refused(), ok()}, 3, "", false},
		"a certificate of nobody":      {[]answer{untrusted}, 1, "no answer", false},
		"an outdated signature":        {[]answer{fault(403, "InvalidSignatureException"), ok()}, 2, "", false},
		"a wrong signature":            {[]answer{fault(403, "InvalidSignatureException")}, 2, "InvalidSignatureException", false},
		"an expired request":           {[]answer{fault(400, "RequestExpired"), ok()}, 2, "", false},
		"static keys that expired":     {[]answer{fault(400, "ExpiredTokenException")}, 1, "ExpiredTokenException", false},
		"a wrong signature and a 503":  {[]answer{fault(403, "InvalidSignatureException"), fault(503, "x"), ok()}, 3, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answers: c.answers}
				_, err := w.call(t.Context(), t)
				if len(w.got) != c.tries {
					t.Errorf("%d tries, want %d", len(w.got), c.tries)
				}
				if c.code == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), "secretsmanager:GetSecretValue: "+c.code) {
					t.Errorf("error %v, want %s", err, c.code)
				}
				if client.Unavailable(err) != c.unavailable {
					t.Errorf("Unavailable says %t of %v", !c.unavailable, err)
				}
			})
		})
	}
}

func TestWaitsAreBoundedAndHeedTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []answer{fault(503, "x")}}
		began := time.Now()
		_, _ = w.call(t.Context(), t)
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("three tries took %v", took)
		}
		asked := fault(429, "x")
		asked.header = map[string]string{"Retry-After": "3"}
		w = &wire{answers: []answer{asked, ok()}}
		began = time.Now()
		if _, err := w.call(t.Context(), t); err != nil || time.Since(began) < 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		w = &wire{answers: []answer{asked, ok()}}
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began = time.Now()
		if _, err := w.call(short, t); err == nil || time.Since(began) != 0 {
			t.Errorf("%v after %v: a wait beyond the deadline is no use", err, time.Since(began))
		}
	})
}

func TestATryThatHangsLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []answer{{hang: true}, ok()}}
		limited, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if _, err := w.call(limited, t); err != nil || len(w.got) != 2 {
			t.Errorf("%v after %d tries", err, len(w.got))
		}
	})
}

func TestEachTryIsSignedAnewByTheServersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := time.Now().Add(2 * time.Hour)
		late := fault(400, "InvalidSignatureException")
		late.header = map[string]string{"Date": server.UTC().Format(http.TimeFormat)}
		w := &wire{answers: []answer{late, ok()}}
		if _, err := w.call(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		if got, want := w.got[1].Header.Get("X-Amz-Date"), server.UTC().Format("20060102T150405Z"); got != want {
			t.Errorf("signed at %s, want %s", got, want)
		}
		if w.closed < 2 { // the first use, and the outdated signature
			t.Error("the connections were kept")
		}
	})
}

func TestConnectionsThatWereIdleForLongAreDropped(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := &wire{answers: []answer{ok()}}
	c := newClient(t, w, func(c *client.Config) { c.Now = func() time.Time { return now } })
	for i, step := range []struct {
		after  time.Duration
		closed int
	}{{0, 1}, {time.Second, 1}, {15 * time.Second, 1}, {-time.Microsecond, 1}, {time.Hour, 2}, {-time.Hour, 3}} {
		now = now.Add(step.after)
		if _, err := c.Call(t.Context(), sm, "GetSecretValue", nil); err != nil {
			t.Fatal(err)
		}
		if w.closed != step.closed {
			t.Errorf("step %d: closed %d times, want %d", i, w.closed, step.closed)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []answer{{status: 200, body: strings.Repeat("x", 8<<20+1)}}}
	if _, err := w.call(t.Context(), t); err == nil || client.Unavailable(err) || len(w.got) != 1 {
		t.Errorf("%v after %d tries", err, len(w.got))
	}
}

func TestNoErrorHasASecretInIt(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []answer{fault(400, "AccessDeniedException")}}
	c := newClient(t, w)
	_, err := c.Call(t.Context(), sm, "PutSecretValue", []byte(`{"SecretString":"hunter2"}`))
	var all bytes.Buffer
	for ; err != nil; err = errors.Unwrap(err) {
		all.WriteString(err.Error() + "\n")
	}
	if all.Len() == 0 || strings.Contains(all.String(), "hunter2") || strings.Contains(all.String(), "wJalrXUtnFEMI") {
		t.Errorf("%s", all.String())
	}
}

func TestUnavailableLooksThroughWrappers(t *testing.T) {
	t.Parallel()
	err := errors.Join(errors.New("x"), &client.TransportError{Err: context.DeadlineExceeded})
	if !client.Unavailable(err) || client.Unavailable(errors.New("x")) || client.Unavailable(api.AccessDeniedException.New("")) {
		t.Error("wrong")
	}
}

func TestADateThatMisleadsIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lie := fault(403, "InvalidSignatureException")
		lie.header = map[string]string{"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}
		w := &wire{answers: []answer{lie, lie, ok()}}
		c := newClient(t, w)
		if _, err := c.Call(t.Context(), sm, "GetSecretValue", []byte(`{}`)); err == nil {
			t.Error("no error")
		}
		if _, err := c.Call(t.Context(), sm, "GetSecretValue", []byte(`{}`)); err != nil {
			t.Error(err)
		}
		want := time.Now().UTC().Format("20060102T150405Z")
		if got := w.got[2].Header.Get("X-Amz-Date"); got != want {
			t.Errorf("the next call is signed for %s at %s", got, want)
		}
	})
}
