// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package device_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/oidc/device"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// by answers requests without a network, so that time can be made up.
type by http.HandlerFunc

func (h by) RoundTrip(req *http.Request) (*http.Response, error) {
	req.RequestURI = req.URL.RequestURI()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h(w, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// login logs a person in, by an issuer or by what is in front of it, and returns how long
// that took.
func login(ctx context.Context, t *testing.T, issuer *oidctest.Issuer, front by) (tokens *device.Tokens, took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	i, err := device.Discover(ctx, device.Config{Issuer: issuer.URL, ClientID: "coffer-cli", Transport: front})
	if err != nil {
		return nil, time.Since(began), err
	}
	code, err := i.Begin(ctx, "openid offline_access")
	if err != nil {
		return nil, time.Since(began), err
	}
	tokens, err = i.Wait(ctx, code, nil)
	return tokens, time.Since(began), err
}

func TestTheGrantAsTheIssuerAnswersIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		person *oidctest.Person
		took   time.Duration
		err    string
	}{
		"at once":            {&oidctest.Person{}, time.Second, ""},
		"by and by":          {&oidctest.Person{Interval: 5, Says: []string{"authorization_pending", "authorization_pending"}}, 15 * time.Second, ""},
		"asked to slow down": {&oidctest.Person{Interval: 5, Says: []string{"slow_down", "authorization_pending", "slow_down"}}, 40 * time.Second, ""},
		"refused":            {&oidctest.Person{Says: []string{"authorization_pending", "access_denied"}}, 2 * time.Second, "the login was refused in the browser"},
		"expired":            {&oidctest.Person{Says: []string{"expired_token"}}, time.Second, "nobody confirmed the code in time"},
		"too slow":           {&oidctest.Person{Life: 12, Interval: 5, Says: []string{"authorization_pending", "authorization_pending"}}, 12 * time.Second, "nobody confirmed the code in time"},
		"a life too long":    {&oidctest.Person{Life: 1e9, Interval: 2000, Says: []string{"authorization_pending"}}, time.Hour, "nobody confirmed the code in time"},
		"another error":      {&oidctest.Person{Says: []string{"invalid_client"}}, time.Second, "the issuer says invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := oidctest.New(t)
			issuer.Meet(c.person)
			synctest.Test(t, func(t *testing.T) {
				tokens, took, err := login(t.Context(), t, issuer, issuer.ServeHTTP)
				if took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("%v, want %s", err, c.err)
					}
					return
				}
				if err != nil || tokens.ID.Len() == 0 || tokens.Refresh.Len() == 0 {
					t.Fatalf("%+v, %v", tokens, err)
				}
			})
		})
	}
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	issuer, p := oidctest.New(t), &oidctest.Person{}
	issuer.Meet(p)
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := login(t.Context(), t, issuer, issuer.ServeHTTP); err != nil {
			t.Fatal(err)
		}
	})
	var got []string
	for _, form := range p.Forms() {
		got = append(got, form.Encode())
	}
	const want = "client_id=coffer-cli&scope=openid+offline_access\n" +
		"client_id=coffer-cli&device_code=device-code&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestTokensAreRefreshedUntilTheyAreRevoked(t *testing.T) {
	t.Parallel()
	issuer, p := oidctest.New(t), &oidctest.Person{}
	issuer.Meet(p)
	synctest.Test(t, func(t *testing.T) {
		first, _, err := login(t.Context(), t, issuer, issuer.ServeHTTP)
		if err != nil {
			t.Fatal(err)
		}
		i, err := device.Discover(t.Context(), device.Config{Issuer: issuer.URL, ClientID: "coffer-cli", Transport: by(issuer.ServeHTTP)})
		if err != nil {
			t.Fatal(err)
		}
		second, err := i.Refresh(t.Context(), first.Refresh)
		if err != nil || second.ID.Len() == 0 || second.Refresh.Equal(first.Refresh) {
			t.Fatalf("%+v, %v", second, err)
		}
		p.NoRefresh = true
		third, err := i.Refresh(t.Context(), second.Refresh)
		if err != nil || !third.Refresh.Equal(second.Refresh) {
			t.Fatalf("an issuer that keeps the refresh token: %+v, %v", third, err)
		}
		if err := i.Revoke(t.Context(), third.Refresh); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Refresh(t.Context(), third.Refresh); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("after it was revoked: %v", err)
		}
	})
}

// endpoint puts something in the place of one of the issuer's endpoints.
func endpoint(issuer *oidctest.Issuer, path string, h http.HandlerFunc) by {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == path {
			h(w, req)
			return
		}
		issuer.ServeHTTP(w, req)
	}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestIssuersThatMisbehave(t *testing.T) {
	t.Parallel()
	const discovery, begin, token = "/.well-known/openid-configuration", "/device", "/token"
	silent := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	huge := strings.Repeat("x", 64<<10+1)
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		err    string
		took   time.Duration
	}{
		"no discovery":            {discovery, says(404, ""), "the status 404", 0},
		"slow":                    {discovery, silent, "no answer within 10s", 10 * time.Second},
		"huge":                    {discovery, says(200, huge), "longer than 65536 bytes", 0},
		"a redirect":              {discovery, says(302, ""), "the status 302", 0},
		"not JSON":                {discovery, says(200, "<html>"), "not the JSON", 0},
		"of another":              {discovery, says(200, `{"issuer":"https://other.example"}`), "of another issuer", 0},
		"endpoints in the clear":  {discovery, says(200, `{"issuer":"ISSUER","token_endpoint":"http://login.example/token"}`), "token_endpoint: not HTTPS", 0},
		"no endpoint for tokens":  {discovery, says(200, `{"issuer":"ISSUER"}`), "token_endpoint: not a URL", 0},
		"no device grant":         {discovery, says(200, `{"issuer":"ISSUER","token_endpoint":"https://login.example/token"}`), "no device authorization grant", 0},
		"a code with escapes":     {begin, says(200, `{"device_code":"d","user_code":"\u001b[2J","verification_uri":"https://login.example","expires_in":60}`), "not the one that it should be", 0},
		"a page in the clear":     {begin, says(200, `{"device_code":"d","user_code":"u","verification_uri":"http://login.example","expires_in":60}`), "not the one that it should be", 0},
		"a page that is a script": {begin, says(200, `{"device_code":"d","user_code":"u","verification_uri":"javascript:alert(1)","expires_in":60}`), "not the one that it should be", 0},
		"a code without a life":   {begin, says(200, `{"device_code":"d","user_code":"u","verification_uri":"https://login.example"}`), "not the one that it should be", 0},
		"no such client":          {begin, says(401, `{"error":"invalid_client","error_description":"who\n are you?"}`), "the issuer says invalid_client: who are you?", 0},
		"tokens are redirected":   {token, says(307, ""), "the status 307", time.Second},
		"tokens are huge":         {token, says(200, huge), "longer than", time.Second},
		"no ID token":             {token, says(200, `{"access_token":"a"}`), "no ID token", time.Second},
		"always down":             {token, says(503, `{"error":"authorization_pending"}`), "the status 503", 31 * time.Second},
		"never an answer":         {token, silent, "no answer within 10s", 81 * time.Second},
		"an error of no name":     {token, says(400, `{"error":"\u001b[2J"}`), "the status 400", time.Second},
		"the code said back":      {token, says(400, `{"error":"invalid_grant","error_description":"device-code is unknown"}`), "the status 400", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := oidctest.New(t)
			issuer.Meet(&oidctest.Person{})
			answer := func(w http.ResponseWriter, req *http.Request) {
				recorded := httptest.NewRecorder()
				c.answer(recorded, req)
				says(recorded.Code, strings.ReplaceAll(recorded.Body.String(), "ISSUER", issuer.URL))(w, req)
			}
			synctest.Test(t, func(t *testing.T) {
				_, took, err := login(t.Context(), t, issuer, endpoint(issuer, c.path, answer))
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "device-code") {
					t.Errorf("%v, want %s", err, c.err)
				}
				if took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestAnIssuerThatComesBack(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New(t)
	issuer.Meet(&oidctest.Person{})
	asked := 0
	front := func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/token" {
			if asked++; asked < 3 {
				says(502, "<html>")(w, req)
				return
			}
		}
		issuer.ServeHTTP(w, req)
	}
	synctest.Test(t, func(t *testing.T) {
		if _, took, err := login(t.Context(), t, issuer, front); err != nil || took != 7*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestAnInterruptEndsTheWait(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New(t)
	issuer.Meet(&oidctest.Person{Interval: 5, Says: []string{"authorization_pending"}})
	synctest.Test(t, func(t *testing.T) {
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(7*time.Second, func() { cancel(interrupted) })
		if _, took, err := login(ctx, t, issuer, issuer.ServeHTTP); !errors.Is(err, interrupted) || took != 7*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestIssuersThatAreNotAsked(t *testing.T) {
	t.Parallel()
	never := by(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	for _, url := range []string{"", "login.example", "http://login.example", "ftp://login.example", "https://user:pw@login.example", "https://login.example?x", "http://127.0.0.1.example"} {
		if _, err := device.Discover(t.Context(), device.Config{Issuer: url, Transport: never}); err == nil {
			t.Errorf("%q is an issuer", url)
		}
	}
	// An issuer whose document came over HTTPS does not send to this machine's own ports.
	down := by(says(200, `{"issuer":"https://login.example","token_endpoint":"http://localhost/token"}`))
	if _, err := device.Discover(t.Context(), device.Config{Issuer: "https://login.example", Transport: down}); err == nil || !strings.Contains(err.Error(), "not HTTPS") {
		t.Errorf("%v", err)
	}
	if _, err := device.Discover(t.Context(), device.Config{Issuer: "https://login.example/", Transport: by(says(200,
		`{"issuer":"https://login.example","token_endpoint":"https://login.example/token"}`))}); err != nil {
		t.Errorf("a slash at the end: %v", err)
	}
}
