// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const sessionToken = "a-session-token-of-some-length"

// TestCredentials are what is wrong with a credential when the call comes in.
func TestCredentials(t *testing.T) {
	t.Parallel()
	session := func(c *gate.Credential) {
		c.SessionToken, c.Expires = secret.FromString(sessionToken), start.Add(time.Minute)
	}
	for name, c := range map[string]struct {
		change func(*gate.Credential)
		token  string // that the request carries
		code   string
	}{
		"a long-lived key":                  {},
		"a long-lived key with a token":     {token: sessionToken, code: "UnrecognizedClientException"},
		"a session":                         {change: session, token: sessionToken},
		"a session without its token":       {change: session, code: "UnrecognizedClientException"},
		"a session with another token":      {change: session, token: sessionToken[1:] + "x", code: "UnrecognizedClientException"},
		"a session with part of its token":  {change: session, token: sessionToken[1:], code: "UnrecognizedClientException"},
		"a session at its end":              {change: func(c *gate.Credential) { session(c); c.Expires = start }, token: sessionToken, code: "ExpiredTokenException"},
		"a key that was switched off":       {change: func(c *gate.Credential) { c.Inactive = true }, code: "UnrecognizedClientException"},
		"a key with another secret":         {change: func(c *gate.Credential) { c.Secret = secret.FromString("another") }, code: "InvalidSignatureException"},
		"a key without a secret":            {change: func(c *gate.Credential) { c.Secret = secret.Value{} }, code: "UnrecognizedClientException"},
		"a key with an empty secret":        {change: func(c *gate.Credential) { c.Secret = secret.FromString("") }, code: "UnrecognizedClientException"},
		"a switched off key, wrong secret":  {change: func(c *gate.Credential) { c.Inactive, c.Secret = true, secret.FromString("x") }, code: "InvalidSignatureException"},
		"an expired session, without token": {change: func(c *gate.Credential) { session(c); c.Expires = start }, code: "UnrecognizedClientException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			bindSecrets(w)
			if c.change != nil {
				c.change(w.directory.known[keyID])
			}
			req := w.request(put, `{"SecretId":"a","SecretString":"s"}`)
			if c.token != "" {
				w.sign(req, `{"SecretId":"a","SecretString":"s"}`, c.token)
			}
			got := w.do(req)
			if got.Code != c.code || (c.code == "") != (w.value("text/a") == "s") {
				t.Errorf("answered %+v", got)
			}
			records := w.records()
			if len(records) != 1 || records[0].UserIdentity.AccessKeyID != keyID {
				t.Fatalf("recorded %s", show(records))
			}
			if who := records[0].UserIdentity; (c.code == "") != (who.Type == "Root") || (c.code == "") != (who.ARN != "") {
				t.Errorf("recorded as %+v", who)
			}
			if strings.Contains(string(records[0].Line), sessionToken[1:]) || strings.Contains(got.Body+w.log.String(), sessionToken[1:]) {
				t.Error("the session's token was told")
			}
		})
	}
}

// TestUnknownKeyAndWrongSecret holds that both go the same way: the same looks into
// the directory, and answers that say nothing of which keys exist beyond AWS's own.
func TestUnknownKeyAndWrongSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	req := w.request(get, `{"SecretId":"a"}`)
	delete(w.directory.known, keyID)
	if got := w.do(req); got.Code != "UnrecognizedClientException" || got.Message != "The security token included in the request is invalid." {
		t.Errorf("an unknown key: %+v", got)
	}
	unknown := w.directory.looks
	w.directory.known[keyID] = &gate.Credential{AccessKeyID: keyID, Secret: secret.FromString("x"), Principal: principal(policy.Root)}
	if got := w.do(w.request(get, `{"SecretId":"a"}`)); got.Code != "InvalidSignatureException" {
		t.Errorf("a wrong secret: %+v", got)
	}
	if wrong := w.directory.looks - unknown; wrong != unknown {
		t.Errorf("%d looks for an unknown key, %d for a wrong secret", unknown, wrong)
	}
}

// TestWithdrawnMeanwhile changes the credential between the verification of the
// signature and the transaction.
func TestWithdrawnMeanwhile(t *testing.T) {
	t.Parallel()
	changed := func(change func(*gate.Credential)) func(*gate.Credential) *gate.Credential {
		return func(c *gate.Credential) *gate.Credential {
			other := *c
			change(&other)
			return &other
		}
	}
	for name, c := range map[string]struct {
		change func(*gate.Credential) *gate.Credential
		code   string
	}{
		"deleted":             {func(*gate.Credential) *gate.Credential { return nil }, "UnrecognizedClientException"},
		"switched off":        {changed(func(c *gate.Credential) { c.Inactive = true }), "UnrecognizedClientException"},
		"given a new secret":  {changed(func(c *gate.Credential) { c.Secret = secret.FromString("new") }), "UnrecognizedClientException"},
		"made a session":      {changed(func(c *gate.Credential) { c.SessionToken = secret.FromString("new") }), "UnrecognizedClientException"},
		"ended":               {changed(func(c *gate.Credential) { c.Expires = start }), "UnrecognizedClientException"},
		"given less to do":    {changed(func(c *gate.Credential) { c.Principal = principal(policy.User) }), "AccessDeniedException"},
		"as good as before":   {changed(func(*gate.Credential) {}), ""},
		"ending at some time": {changed(func(c *gate.Credential) { c.Expires = start.Add(1) }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			bindSecrets(w)
			w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
				if look == 1 {
					return known, nil
				}
				return c.change(known), nil
			}
			got := w.call(put, `{"SecretId":"a","SecretString":"s"}`)
			if got.Code != c.code || (c.code == "") != (w.value("text/a") == "s") {
				t.Errorf("answered %+v", got)
			}
			if records := w.records(); len(records) != 1 || records[0].ErrorCode != c.code {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}

// TestMovedMeanwhile holds that a key which comes to stand for somebody else acts in
// that one's account.
func TestMovedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
		if look == 1 {
			return known, nil
		}
		other := *known
		moved := *known.Principal
		moved.Account, moved.ARN = "999999999999", "arn:aws:iam::999999999999:root"
		other.Principal = &moved
		return &other, nil
	}
	w.call(put, `{"SecretId":"a","SecretString":"s"}`)
	if r := w.records()[0]; r.RecipientAccountID != "999999999999" || r.UserIdentity.ARN != "arn:aws:iam::999999999999:root" {
		t.Errorf("recorded %s", r.Line)
	}
}

// TestTheDirectoryFails holds that a doubt about who calls refuses.
func TestTheDirectoryFails(t *testing.T) {
	t.Parallel()
	for _, failing := range []int{1, 2} {
		w := newWorld(t, nil)
		bindSecrets(w)
		w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
			if look == failing {
				return known, errors.New("a damaged record")
			}
			return known, nil
		}
		if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Status != 500 || w.value("text/a") != "" {
			t.Errorf("at look %d: %+v", failing, got)
		}
		if records := w.records(); len(records) != 1 || records[0].ErrorCode != "InternalFailure" {
			t.Errorf("recorded %s", show(records))
		}
	}
}

// TestTheDirectoryPanics holds that even that is an answer and a record.
func TestTheDirectoryPanics(t *testing.T) {
	t.Parallel()
	for _, failing := range []int{1, 2} {
		w := newWorld(t, nil)
		bindSecrets(w)
		w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
			if look == failing {
				panic("a bug")
			}
			return known, nil
		}
		if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Status != 500 || w.value("text/a") != "" {
			t.Errorf("at look %d: %+v", failing, got)
		}
		if records := w.records(); len(records) != 1 || records[0].ErrorCode != "InternalFailure" {
			t.Errorf("recorded %s", show(records))
		}
	}
}

// TestWhereACallComesFrom holds what the record and the handler's conditions see, and
// that nothing of it is taken from headers that anybody can set.
func TestWhereACallComesFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	req := w.request(get, `{"SecretId":"a"}`)
	req.RemoteAddr = "[::ffff:192.0.2.7]:1234"
	req.Header["X-Forwarded-For"] = []string{"203.0.113.9"}
	req.Header["Forwarded"] = []string{"for=203.0.113.9"}
	req.Header["X-Real-Ip"] = []string{"203.0.113.9"}
	req.Header["User-Agent"] = []string{"aws-cli\nlevel=ERROR\x1b[31m" + strings.Repeat("x", 64<<10)}
	if got := w.do(req); got.Code != "ResourceNotFoundException" {
		t.Errorf("answered %+v", got)
	}
	r := w.records()[0]
	if r.SourceIPAddress != "192.0.2.7" || r.AWSRegion != region || !r.EventTime.Equal(start) {
		t.Errorf("recorded %s", r.Line)
	}
	if len(r.UserAgent) > 4<<10 || strings.ContainsAny(string(r.Line), "\n\x1b") || !strings.HasPrefix(r.UserAgent, "aws-cli\nlevel") {
		t.Errorf("the user agent is recorded as %d bytes: %.60q", len(r.UserAgent), r.UserAgent)
	}
	if strings.Contains(string(r.Line), "203.0.113.9") {
		t.Error("a header's address is in the record")
	}
}

// TestSession holds that a role's session is recorded as CloudTrail does.
func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	p := principal(policy.AssumedRole)
	p.ARN, p.Issuer, p.UserID = "arn:aws:sts::123456789012:assumed-role/app/i-1", "arn:aws:iam::123456789012:role/app", "AROAEXAMPLE:i-1"
	p.Session = &gate.Session{Issuer: gate.Issuer{Type: "Role", ARN: p.Issuer, ID: "AROAEXAMPLE", Name: "app"}, Created: start.Add(-time.Hour)}
	w.directory.known[keyID].Principal = p
	if got := w.call(get, `{"SecretId":"a"}`); got.Code != "AccessDeniedException" || !strings.HasPrefix(got.Message, "User: "+p.ARN) {
		t.Errorf("answered %+v", got)
	}
	who := w.records()[0].UserIdentity
	if who.Type != "AssumedRole" || who.SessionContext == nil || who.SessionContext.SessionIssuer.ARN != p.Issuer ||
		!who.SessionContext.Attributes.CreationDate.Equal(start.Add(-time.Hour)) {
		t.Errorf("recorded as %+v", who)
	}
}

// TestMethods holds that every method is answered as a call, and none without being
// verified.
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace, "WHATEVER"} {
		w := newWorld(t, nil)
		bindSecrets(w)
		req := w.request(put, `{"SecretId":"a","SecretString":"s"}`)
		req.Method = method // so the signature does not hold
		if got := w.do(req); got.Status != 400 || w.value("text/a") != "" {
			t.Errorf("%s: %+v", method, got)
		}
		if got := w.records(); len(got) != 1 || got[0].ErrorCode != "InvalidSignatureException" {
			t.Errorf("%s: recorded %s", method, show(got))
		}
	}
}
