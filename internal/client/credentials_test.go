// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
)

// beside is a container's credentials endpoint.
type beside struct {
	calls   atomic.Int64
	status  atomic.Int64
	expires atomic.Pointer[string]
	tokens  sync.Map
	url     string
}

func newBeside(t *testing.T, expires string) *beside {
	b := &beside{}
	b.status.Store(200)
	b.expires.Store(&expires)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := b.calls.Add(1)
		b.tokens.Store(n, r.Header.Get("Authorization"))
		w.WriteHeader(int(b.status.Load()))
		fmt.Fprintf(w, `{"AccessKeyId":"AKID%d","SecretAccessKey":"secret","Token":"t","Expiration":"%s"}`, n, *b.expires.Load())
	}))
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

func TestContainerCredentials(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := newBeside(t, "2026-01-01T01:00:00Z")
	p, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_FULL_URI", b.url, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "tok"),
		func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	want := func(id string) {
		t.Helper()
		c, err := p.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != id {
			t.Errorf("%s, %v; want %s", c.AccessKeyID, err, id)
		}
	}
	want("AKID1")
	now = now.Add(54 * time.Minute)
	want("AKID1")
	if token, _ := b.tokens.Load(int64(1)); token != "tok" {
		t.Errorf("token %q", token)
	}
	now = now.Add(2 * time.Minute) // four before their expiry
	want("AKID2")
	b.status.Store(500)
	for range 2 { // they could not be renewed, and are good for three minutes yet
		now = now.Add(30 * time.Second)
		want("AKID2")
		want("AKID2")
	}
	if n := b.calls.Load(); n != 4 {
		t.Errorf("asked %d times: an endpoint that is down is to be left alone for a while", n)
	}
	now = now.Add(3 * time.Minute)
	if _, err := p.Retrieve(t.Context()); !client.Unavailable(err) {
		t.Errorf("expired, and the endpoint is down: %v", err)
	}
	b.status.Store(403)
	if _, err := p.Retrieve(t.Context()); err == nil || client.Unavailable(err) {
		t.Errorf("the endpoint refuses: %v", err)
	}
}

func TestCredentialsOfUnknownExpiryAreRenewedAndForgotten(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := newBeside(t, "0001-01-01T00:00:00Z")
	p, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_FULL_URI", b.url), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		act  func()
		want string
	}{
		{func() {}, "AKID1"},
		{func() { now = now.Add(4 * time.Minute) }, "AKID1"},
		{func() { now = now.Add(time.Minute) }, "AKID2"},
		{func() { p.Forget() }, "AKID3"},
	} {
		step.act()
		if c, err := p.Retrieve(t.Context()); err != nil || c.AccessKeyID != step.want {
			t.Errorf("%d: %s, %v", i, c.AccessKeyID, err)
		}
	}
}

func TestExpiredContainerCredentialsAreRenewedOnce(t *testing.T) {
	t.Parallel()
	b := newBeside(t, "0001-01-01T00:00:00Z")
	w := &wire{answers: []answer{fault(400, "ExpiredTokenException"), ok()}}
	made, err := client.New(client.Config{
		Getenv: env("AWS_REGION", "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI", b.url), Transport: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Call(t.Context(), sm, "GetSecretValue", nil); err != nil {
		t.Fatal(err)
	}
	if auth := w.got[1].Header.Get("Authorization"); !strings.Contains(auth, "AKID2") {
		t.Errorf("signed with %s", auth)
	}
}

func TestTheTokenFileIsReadEachTime(t *testing.T) {
	t.Parallel()
	b := newBeside(t, "0001-01-01T00:00:00Z")
	file := filepath.Join(t.TempDir(), "token")
	p, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_FULL_URI", b.url,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "unused"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range []string{"one\n", "two"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Forget()
		if _, err := p.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, _ := b.tokens.Load(int64(i + 1)); got != strings.TrimSpace(token) {
			t.Errorf("asked with %q", got)
		}
	}
	if err := os.WriteFile(file, []byte("one\r\nX-Evil: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Forget()
	if _, err := p.Retrieve(t.Context()); err == nil {
		t.Error("a token of two lines was sent")
	}
}

func TestWhereCredentialsMayComeFrom(t *testing.T) {
	t.Parallel()
	for url, allowed := range map[string]bool{
		"http://127.0.0.1:9000/x": true, "http://[::1]:9000/x": true, "http://localhost/x": true,
		"http://169.254.170.2/x": true, "http://169.254.170.23/v1/credentials": true, "http://[fd00:ec2::23]/v1": true,
		"https://credentials.example/x": true,
		"http://credentials.example/x":  false, "http://10.0.0.1/x": false, "http://169.254.169.254/x": false,
		"http://127.0.0.1.example/x": false, "file:///etc/passwd": false, "nonsense": false,
	} {
		_, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url), time.Now)
		if (err == nil) != allowed {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"), time.Now); err != nil {
		t.Error(err)
	}
	if _, err := client.FromEnvironment(env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/"), time.Now); err == nil {
		t.Error("a relative URI that changes the host was accepted")
	}
}

func TestStaticCredentialsComeFirst(t *testing.T) {
	t.Parallel()
	p, err := client.FromEnvironment(env("AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "s", "AWS_SESSION_TOKEN", "t",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "AKID" || c.SessionToken != "t" || c.SecretAccessKey.RevealString() != "s" {
		t.Errorf("%+v, %v", c, err)
	}
	p, err = client.FromEnvironment(env("AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "s", "AWS_SESSION_TOKEN", "t",
		"COFFER_ACCESS_KEY_ID", "OURS", "COFFER_SECRET_ACCESS_KEY", "o"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c, err = p.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "OURS" || c.SessionToken != "" || c.SecretAccessKey.RevealString() != "o" {
		t.Errorf("Coffer's own: %+v, %v", c, err)
	}
	p, err = client.FromEnvironment(env("COFFER_ACCESS_KEY_ID", "OURS", "AWS_SECRET_ACCESS_KEY", "s"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Retrieve(t.Context()); !errors.Is(err, client.ErrNoCredentials) {
		t.Errorf("one half of each: %v", err)
	}
	p, err = client.FromEnvironment(env(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Retrieve(t.Context()); !errors.Is(err, client.ErrNoCredentials) {
		t.Errorf("%v", err)
	}
}
