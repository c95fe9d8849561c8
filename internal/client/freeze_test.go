// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// verifier is a server that checks signatures by a clock, and whose answer to one that is
// too old has a code.
type verifier struct {
	now    func() time.Time
	secret func() secret.Value
	code   string
	send   func() // is called when a request is on its way

	mu     sync.Mutex
	seen   int
	closed int
}

func (v *verifier) RoundTrip(req *http.Request) (*http.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen++
	if v.send != nil {
		v.send()
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.RequestURI = "/"
	presented, err := sigv4.Parse(req)
	if err != nil {
		return nil, err
	}
	terms := sigv4.Terms{Now: v.now(), Secret: v.secret(), Region: "eu-west-1", Service: "secretsmanager"}
	res := answered(200, "{}")
	if err := new(sigv4.Verifier).Verify(presented, body, terms); err != nil {
		res = answered(400, `{"__type":"`+v.code+`","message":"Signature expired"}`)
	}
	res.Header.Set("Date", v.now().UTC().Format(http.TimeFormat))
	return res, nil
}

func (v *verifier) CloseIdleConnections() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed++
}

func TestARequestThatSpannedAFreezeIsSignedOnceMore(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidSignatureException", "RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			v := &verifier{now: func() time.Time { return now }, secret: func() secret.Value { return keys.SecretAccessKey }, code: code}
			c := newClient(t, v, func(cfg *client.Config) { cfg.Now = v.now })
			call := func(tries, drops int) {
				t.Helper()
				seen, closed := v.seen, v.closed
				if _, err := c.Call(t.Context(), sm, "GetSecretValue", []byte(`{"SecretId":"x"}`)); err != nil {
					t.Error(err)
				}
				if v.seen-seen != tries || v.closed-closed != drops {
					t.Errorf("%d tries, connections dropped %d times; want %d, %d", v.seen-seen, v.closed-closed, tries, drops)
				}
			}
			call(1, 1) // the first of all
			v.send = func() { now, v.send = now.Add(time.Hour), nil }
			call(2, 2) // for the refusal, and because an hour is gone
			call(1, 0)
			now = now.Add(time.Hour)
			call(1, 1)
		})
	}
}

func TestCredentialsThatWereReplacedSignTheNextCall(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "one", "AWS_SESSION_TOKEN": "t1"}
	v := &verifier{now: time.Now, secret: func() secret.Value { return secret.FromString(vars["AWS_SECRET_ACCESS_KEY"]) }, code: "InvalidSignatureException"}
	c, err := client.New(client.Config{Transport: v, Getenv: func(name string) string { return vars[name] }})
	if err != nil {
		t.Fatal(err)
	}
	for i, replacement := range []map[string]string{
		{},
		{"AWS_SECRET_ACCESS_KEY": "two"}, // under the same id
		{"AWS_ACCESS_KEY_ID": "AKID2", "AWS_SECRET_ACCESS_KEY": "three", "AWS_SESSION_TOKEN": "t3"},
	} {
		for name, value := range replacement {
			vars[name] = value
		}
		if _, err := c.Call(t.Context(), sm, "GetSecretValue", []byte("{}")); err != nil || v.seen != i+1 {
			t.Errorf("%d: %v after %d requests", i, err, v.seen)
		}
	}
	delete(vars, "AWS_SECRET_ACCESS_KEY")
	if _, err := c.Call(t.Context(), sm, "GetSecretValue", nil); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("without credentials: %v", err)
	}
}
