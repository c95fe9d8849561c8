// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source/sourcetest"
	"github.com/coffer-secrets/coffer/internal/source/vault"
	"github.com/coffer-secrets/coffer/internal/source/vault/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a Source before a server that is not real, with a clock that jumps.
type lab struct {
	*testing.T
	*vault.Source
	server *vaulttest.Server
	ahead  *atomic.Int64
}

// freeze lets so much time pass that no timer sees.
func (l lab) freeze(d time.Duration) { l.ahead.Add(int64(d)) }

func newLab(t *testing.T, change ...func(*vault.Config)) lab {
	t.Helper()
	l := lab{T: t, ahead: new(atomic.Int64)}
	now := func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }
	l.server = vaulttest.New(now)
	l.server.Versioned["db"] = []string{`{"user":"a","password":"old"}`, `{"user":"a","password":"s3cret","port":5432}`}
	l.server.Plain["db"] = `{"password":"plain"}`
	cfg := vault.Config{
		Address: "https://vault.test:8200", Transport: l.server, Now: now, UserAgent: "coffer/test",
		Login: vault.AppRole("approle", vault.Text("role"), vault.Text("proof")),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if l.Source, err = vault.New(cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// bubble runs a test in fake time.
func bubble(t *testing.T, f func(lab), change ...func(*vault.Config)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(newLab(t, change...)) })
}

func (l lab) fetch(id string) cache.Value {
	l.Helper()
	v, err := l.Fetch(l.Context(), cache.Ref{ID: id, Stage: "AWSCURRENT"})
	if err != nil {
		l.Fatalf("%s: %v", id, err)
	}
	return v
}

// gives checks what there is at an id.
func (l lab) gives(id, want string) {
	l.Helper()
	if v := l.fetch(id); v.Text.RevealString() != want {
		l.Errorf("%s is %s, want %s", id, v.Text.RevealString(), want)
	}
}

// fails checks the code that a ref is refused with, or "unavailable".
func (l lab) fails(ref cache.Ref, want string) error {
	l.Helper()
	v, err := l.Fetch(l.Context(), ref)
	got := "nothing"
	if e, ok := errors.AsType[*api.Error](err); ok {
		got = e.Code
	}
	if _, soft := errors.AsType[*cache.Unavailable](err); soft {
		got = "unavailable"
	}
	if got != want || !v.Text.IsZero() {
		l.Errorf("%+v is refused with %v (%s), want %s", ref, err, got, want)
	}
	return err
}

// calls checks what the server was asked since the last time.
func (l lab) calls(want ...string) {
	l.Helper()
	if got := l.server.Calls(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		l.Errorf("the server was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestItIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		l := newLab(t)
		return sourcetest.Subject{
			Source: l.Source, Ref: cache.Ref{ID: "plain/db"}, Want: `{"password":"plain"}`, Missing: cache.Ref{ID: "plain/none"},
			Set: func(state sourcetest.State) {
				l.server.Set(func(s *vaulttest.Server) {
					s.Fault = map[sourcetest.State]func(*http.Request) (*http.Response, error){
						sourcetest.Down: vaulttest.Down, sourcetest.Hanging: vaulttest.Hanging,
					}[state]
				})
			},
		}
	})
}

const login = "POST auth/approle/login"

func TestSecretsOfKVEngines(t *testing.T) {
	bubble(t, func(l lab) {
		l.gives("plain/db", `{"password":"plain"}`)
		l.calls(login, "GET sys/internal/ui/mounts/plain/db", "GET plain/db")
		l.gives("plain/db#password", "plain")
		l.calls("GET plain/db")
		v := l.fetch("secret/db")
		if got := v.Text.RevealString(); got != `{"user":"a","password":"s3cret","port":5432}` || v.VersionID != "2" ||
			!v.Created.Equal(time.Date(2026, 11, 2, 10, 0, 0, 123456789, time.UTC)) || v.Name != "secret/db" {
			l.Errorf("%s, version %q of %v, named %q", got, v.VersionID, v.Created, v.Name)
		}
		l.calls("GET sys/internal/ui/mounts/secret/db", "GET secret/data/db")
		l.gives("secret/data/db#port", "5432")
		l.gives("/secret/db#password", "s3cret")
		l.calls("GET secret/data/db", "GET secret/data/db")
		if got := l.server.Header(); got.Get("X-Vault-Request") != "true" || got.Get("User-Agent") != "coffer/test" || got["X-Vault-Namespace"] != nil {
			l.Errorf("headers %v", got)
		}
	})
}

func TestVersions(t *testing.T) {
	bubble(t, func(l lab) {
		for ref, want := range map[cache.Ref]string{
			{ID: "secret/db#password", VersionID: "1"}:            "old",
			{ID: "secret/db#password", VersionID: "2"}:            "s3cret",
			{ID: "secret/db#password", Stage: "AWSPREVIOUS"}:      "old",
			{ID: "secret/data/db#password", Stage: "AWSPREVIOUS"}: "old",
		} {
			v, err := l.Fetch(l.Context(), ref)
			if err != nil || v.Text.RevealString() != want {
				l.Errorf("%+v: %v", ref, err)
			}
		}
		l.server.Versioned["one"] = []string{`{"a":"b"}`}
		l.server.Versioned["deleted"] = []string{`{"a":"b"}`, ""}
		for ref, want := range map[cache.Ref]string{
			{ID: "secret/db", VersionID: "3"}:                       "ResourceNotFoundException",
			{ID: "secret/one", Stage: "AWSPREVIOUS"}:                "ResourceNotFoundException",
			{ID: "secret/deleted"}:                                  "ResourceNotFoundException",
			{ID: "secret/db", Stage: "blue"}:                        "ResourceNotFoundException",
			{ID: "secret/db#nothing"}:                               "ResourceNotFoundException",
			{ID: "secret/db", VersionID: "new"}:                     "ValidationException",
			{ID: "secret/db", VersionID: "0"}:                       "ValidationException",
			{ID: "secret/db", VersionID: "1", Stage: "AWSPREVIOUS"}: "ValidationException",
			{ID: "plain/db", VersionID: "1"}:                        "ValidationException",
			{ID: "database/creds/x", Stage: "AWSPREVIOUS"}:          "ValidationException",
			{ID: "secret/db", Role: "arn:aws:iam::1:role/r"}:        "ValidationException",
			{ID: "secret/db", Kind: cache.Parameter}:                "ValidationException",
			{ID: "secret/db#"}:                                      "ValidationException",
			{ID: "secret/../sys/seal"}:                              "ValidationException",
			{ID: ""}:                                                "ValidationException",
			{ID: "denied/x"}:                                        "AccessDeniedException",
		} {
			l.fails(ref, want)
		}
	})
}

func TestEnginesWhoseVersionIsNotTold(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.HideMounts = true
		l.gives("secret/db#password", "s3cret")
		l.calls(login, "GET sys/internal/ui/mounts/secret/db", "GET secret/db", "GET secret/data/db")
		l.gives("secret/db#password", "s3cret")
		l.calls("GET secret/data/db") // it has learnt
		l.Forget()
		if v := l.fetch("secret/data/db#password"); v.Text.RevealString() != "s3cret" || v.VersionID != "2" {
			l.Errorf("%q of version %q", v.Text.RevealString(), v.VersionID)
		}
		l.fails(cache.Ref{ID: "plain/db", VersionID: "1"}, "ValidationException")
		l.gives("plain/db#password", "plain")
		l.server.Calls()
		// What is known of one path says nothing of another one, whose engine may be deeper.
		l.fails(cache.Ref{ID: "secret/deeper/kv/db"}, "ResourceNotFoundException")
		l.calls("GET sys/internal/ui/mounts/secret/deeper/kv/db", "GET secret/deeper/kv/db", "GET secret/data/deeper/kv/db")
		l.gives("database/creds/x#username", "u1")
		if n := strings.Count(strings.Join(l.server.Calls(), "\n"), "GET database/creds/x"); n != 1 {
			l.Errorf("%d leases for one value", n)
		}
	})
}

func TestANamespaceIsSentWithEveryRequest(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			if got := req.Header.Get("X-Vault-Namespace"); got != "team/a" {
				t.Errorf("%s has the namespace %q", req.URL.Path, got)
			}
			return nil, nil
		}
		l.gives("plain/db#password", "plain")
	}, func(c *vault.Config) { c.Namespace = "/team/a/" })
}

func TestWhatVaultIsWhenItIsDown(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return vaulttest.Answer(status, body), nil }
	}
	for name, c := range map[string]struct {
		fault func(*http.Request) (*http.Response, error)
		tries int
		want  string
	}{
		"no network":         {vaulttest.Down, 3, "unavailable"},
		"sealed":             {vaulttest.Sealed, 3, "unavailable"},
		"behind":             {answer(412, `{"errors":["required index state not present"]}`), 3, "unavailable"},
		"throttled":          {answer(429, `{"errors":["request path \"x\": rate limit quota exceeded"]}`), 3, "unavailable"},
		"a proxy's page":     {answer(200, "<html>"), 1, "unavailable"},
		"a gateway's page":   {answer(502, "<html>"), 3, "unavailable"},
		"slow":               {vaulttest.Hanging, 3, "unavailable"},
		"half an answer":     {answer(200, `{"data":{"a":`), 1, "unavailable"},
		"other JSON":         {answer(200, `{"data":{"data":{"a":"b"},"metadata":{"version":"x"}}}`), 1, "unavailable"},
		"no data":            {answer(200, `{"data":null}`), 1, "ResourceNotFoundException"},
		"nothing":            {answer(204, ``), 1, "ResourceNotFoundException"},
		"an endless answer":  {answer(200, strings.Repeat(" ", 8<<20+1)), 1, "nothing"},
		"not implemented":    {answer(501, ``), 1, "InternalServiceError"},
		"a bad request":      {answer(400, `{"errors":["bad"]}`), 1, "ValidationException"},
		"a method it lacks":  {answer(405, `{"errors":["unsupported operation"]}`), 1, "ValidationException"},
		"a redirect":         {answer(302, ``), 1, "nothing"},
		"an untold redirect": {answer(399, ``), 1, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(l lab) {
				l.gives("secret/db#password", "s3cret")
				l.server.Calls()
				l.server.Set(func(s *vaulttest.Server) { s.Fault = c.fault })
				err := l.fails(cache.Ref{ID: "secret/db"}, c.want)
				if got := l.server.Calls(); len(got) != c.tries {
					t.Errorf("tried %d times, want %d: %v", len(got), c.tries, got)
				}
				if err == nil || strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), "html") {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestWhatVaultSaysIsToldAndBounded(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/login") {
				return nil, nil
			}
			return vaulttest.Refusal(400, "first\n"+strings.Repeat("x", 10_000)+"end"), nil
		}
		err := l.fails(cache.Ref{ID: "secret/db"}, "ValidationException")
		if text := err.Error(); !strings.HasPrefix(text, "vault: secret/db: ValidationException: first xxx") || len(text) > 400 {
			l.Errorf("%d bytes: %s", len(text), text)
		}
	})
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	for to, ok := range map[string]bool{
		"/v1/secret/data/db": true, "https://vault.test:8201/v1/secret/data/db": true, "https://VAULT.test:8201/v1/secret/data/db": true,
		"https://evil.test:8200/v1/secret/data/db": false, "http://vault.test:8200/v1/secret/data/db": false,
		"//evil.test/v1/secret/data/db": false, "": false, "%zz": false, "https://vault.test@evil.test/v1/x": false,
	} {
		t.Run(to, func(t *testing.T) {
			bubble(t, func(l lab) {
				l.gives("secret/db#user", "a")
				redirected := false
				l.server.Set(func(s *vaulttest.Server) {
					s.Fault = func(req *http.Request) (*http.Response, error) {
						if redirected {
							return nil, nil
						}
						redirected = true
						res := vaulttest.Answer(307, "")
						res.Header.Set("Location", to)
						return res, nil
					}
				})
				l.server.Calls()
				v, err := l.Fetch(l.Context(), cache.Ref{ID: "secret/db#password"})
				if ok != (err == nil) || ok && v.Text.RevealString() != "s3cret" {
					t.Errorf("%v", err)
				}
				if n := len(l.server.Calls()); !ok && n != 1 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestConnectionsFromBeforeAFreezeAreDropped(t *testing.T) {
	bubble(t, func(l lab) {
		l.gives("plain/db#password", "plain")
		before := l.server.Dropped()
		l.gives("plain/db#password", "plain")
		if l.server.Dropped() != before {
			l.Error("connections are dropped without a freeze")
		}
		l.freeze(time.Minute)
		l.gives("plain/db#password", "plain")
		if l.server.Dropped() == before {
			l.Error("connections were kept")
		}
	})
}

func TestOnlyAddressesThatCanBeOnesAreTaken(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "vault", "ftp://vault", "https://u:p4ss@vault", "https://vault?x=y", "https://vault/#a", "https://"} {
		_, err := vault.New(vault.Config{Address: address, Login: vault.Token(vault.Text("t"))})
		if err == nil || strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := vault.New(vault.Config{Address: "https://vault"}); err == nil {
		t.Error("no login is no error")
	}
	for address, want := range map[string]bool{"http://vault": true, "https://vault": false, "http://127.0.0.1:8200": false, "http://localhost": false} {
		s, err := vault.New(vault.Config{Address: address, Login: vault.Token(vault.Text("t")), Transport: vaulttest.New(time.Now)})
		if err != nil || s.Cleartext() != want {
			t.Errorf("%s: %v", address, err)
		}
		if s.IsAt(8200) != (address == "http://127.0.0.1:8200") {
			t.Errorf("%s is at port 8200 of this host: %t", address, s.IsAt(8200))
		}
	}
}

func TestAStaleRequestEndsWithItsContext(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = vaulttest.Hanging
		ctx, cancel := context.WithTimeout(l.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := l.Fetch(ctx, cache.Ref{ID: "secret/db"}); !client.Unavailable(err) || time.Since(began) > 2*time.Second {
			l.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
