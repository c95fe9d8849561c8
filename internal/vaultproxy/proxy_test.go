// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vaultproxy_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/source/vault"
	"github.com/coffer-secrets/coffer/internal/source/vault/vaulttest"
	"github.com/coffer-secrets/coffer/internal/vaultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a Proxy before a server that is not real, with a clock that jumps.
type lab struct {
	*testing.T
	*vaultproxy.Proxy
	server *vaulttest.Server
	source *vault.Source
	ahead  *atomic.Int64
	held   *atomic.Bool
}

func (l lab) now() time.Time         { return time.Now().Add(time.Duration(l.ahead.Load())) }
func (l lab) freeze(d time.Duration) { l.ahead.Add(int64(d)) }

func newLab(t *testing.T, change ...func(*vaultproxy.Config)) lab {
	t.Helper()
	l := lab{T: t, ahead: new(atomic.Int64), held: new(atomic.Bool)}
	l.server = vaulttest.New(l.now)
	l.server.Versioned["db"] = []string{`{"password":"s3cret"}`}
	l.server.Plain["db"] = `{"password":"plain"}`
	var err error
	l.source, err = vault.New(vault.Config{
		Address: "https://vault.test:8200", Namespace: "ours", Transport: l.server, Now: l.now,
		Login: vault.AppRole("approle", vault.Text("role"), nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := vaultproxy.Config{
		Source: l.source, Now: l.now, Log: slog.New(slog.DiscardHandler), HoldBack: l.held.Load,
		Guard: func(r *http.Request) (int, string) {
			if r.Header.Get("X-Forwarded-For") != "" {
				return 400, "Forwarded"
			}
			return 0, ""
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	l.Proxy = vaultproxy.New(cfg)
	return l
}

func bubble(t *testing.T, f func(lab), change ...func(*vaultproxy.Config)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(newLab(t, change...)) })
}

// keeps is a setting.
func keeps(ttl time.Duration, always bool) func(*vaultproxy.Config) {
	return func(c *vaultproxy.Config) { c.TTL, c.Always = ttl, always }
}

// send sends a request with headers, which are names and values in turn.
func (l lab) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	l.Helper()
	req := httptest.NewRequestWithContext(l.Context(), method, target, strings.NewReader(body))
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, req)
	return w
}

// get reads the secret and returns how often Vault was asked for it.
func (l lab) get(headers ...string) int {
	l.Helper()
	l.server.Calls()
	if w := l.send("GET", "/v1/secret/data/db", "", headers...); w.Code != 200 || !strings.Contains(w.Body.String(), "s3cret") {
		l.Errorf("%d %s", w.Code, w.Body)
	}
	return len(slices.DeleteFunc(l.server.Calls(), func(c string) bool { return c != "GET secret/data/db" }))
}

const control = "X-Vault-Cache-Control"

func TestARequestGoesToVaultAsItIsWithOurToken(t *testing.T) {
	bubble(t, func(l lab) {
		var got *http.Request
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/login") {
				return nil, nil
			}
			got = req
			res := vaulttest.Answer(418, `{"any":"thing"}`)
			res.Header.Set("X-Vault-Thing", "x")
			res.Header.Set("Connection", "X-Hop, close")
			res.Header.Set("X-Hop", "y")
			return res, nil
		}
		w := l.send("PATCH", "/v1/secret/data/a%2fb%20c?version=1&x=%20", "{}", "X-Vault-Token", "theirs", "Authorization", "Bearer theirs",
			"X-Vault-Namespace", "theirs", "Content-Type", "application/merge-patch+json", "Cookie", "c", "Accept-Encoding", "gzip",
			"X-Aws-Parameters-Secrets-Token", "agents", "Connection", "X-Gone", "X-Gone", "g", control, "nocache", "X-Custom", "1", "X-Custom", "2")
		if w.Code != 418 || w.Body.String() != `{"any":"thing"}` || w.Header().Get("X-Vault-Thing") != "x" || w.Header().Get("X-Hop") != "" || w.Header().Get("Content-Length") != "15" {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
		if got.Method != "PATCH" || got.URL.String() != "https://vault.test:8200/v1/secret/data/a%2fb%20c?version=1&x=%20" {
			t.Errorf("%s %s", got.Method, got.URL)
		}
		want := http.Header{
			"X-Vault-Token": {"hvs.t0ken-1"}, "X-Vault-Namespace": {"theirs"}, "Content-Type": {"application/merge-patch+json"},
			"X-Custom": {"1", "2"}, "X-Vault-Request": {"true"},
		}
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		l.send("GET", "/v1/sys/health", "")
		if got.Header.Get("X-Vault-Namespace") != "" {
			t.Error("our namespace is added, which Vault's extension does not")
		}
	})
}

func TestAnswersOfFailures(t *testing.T) {
	bubble(t, func(l lab) {
		check := func(w *httptest.ResponseRecorder, status int, text string) {
			t.Helper()
			if w.Code != status || !strings.HasPrefix(w.Body.String(), text) || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, status, text)
			}
		}
		l.server.Fault = func(*http.Request) (*http.Response, error) { return vaulttest.Refusal(400, "invalid role ID"), nil }
		check(l.send("GET", "/v1/secret/data/db", ""), 500, "failed to get valid Vault token: logging in: AccessDeniedException: invalid role ID")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Down })
		check(l.send("GET", "/v1/secret/data/db", ""), 500, "failed to get valid Vault token: ")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = nil })
		l.get()
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Down })
		check(l.send("GET", "/v1/secret/data/db", ""), 502, "failed to proxy request: no answer: connection refused")
		check(l.send("GET", "/v1/secret/data/db", "", "X-Forwarded-For", "1.2.3.4"), 400, "Forwarded")
		check(l.send("PUT", "/v1/secret/data/db", strings.Repeat("x", 8<<20+1)), 413, "failed to read request body")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Sealed })
		if w := l.send("GET", "/v1/secret/data/db", ""); w.Code != 503 || w.Body.String() != `{"errors":["Vault is sealed"]}` {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		l.server.Calls()
		l.send("POST", "/v1/secret/data/db", "{}")
		if calls := l.server.Calls(); len(calls) != 1 {
			t.Errorf("what may have had an effect was sent %d times", len(calls))
		}
	})
}

func TestARevokedTokenIsReplacedWithinTheRequest(t *testing.T) {
	bubble(t, func(l lab) {
		l.get()
		l.server.Revoke()
		if n := l.get(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		if w := l.send("GET", "/v1/denied/x", ""); w.Code != 403 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestTheCallerCanHaveTheTokenReplaced(t *testing.T) {
	bubble(t, func(l lab) {
		l.get()
		if l.get("X-Vault-Token-Options", "revoke"); len(l.server.Logins()) != 2 {
			t.Errorf("%d logins", len(l.server.Logins()))
		}
		if l.get("X-Vault-Token-Options", "other"); len(l.server.Logins()) != 2 {
			t.Errorf("%d logins", len(l.server.Logins()))
		}
	})
}

func TestWhatIsKeptIsSaidByHeaderAndSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ttl    time.Duration
		always bool
		header string
		asked  string // how often Vault is, for three requests: with header, with header, with cache
	}{
		"no TTL":                       {0, true, "cache", "111"},
		"nothing said":                 {time.Minute, false, "", "111"},
		"cache":                        {time.Minute, false, "cache", "100"},
		"several options":              {time.Minute, false, "x, cache", "100"},
		"recache":                      {time.Minute, false, "recache", "110"},
		"nocache":                      {time.Minute, false, "nocache", "111"},
		"an unknown word":              {time.Minute, false, "CACHE", "111"},
		"always":                       {time.Minute, true, "", "100"},
		"always, but not now":          {time.Minute, true, "nocache", "111"},
		"always, but anew":             {time.Minute, true, "recache", "110"},
		"no wins over both":            {time.Minute, true, "cache,recache,nocache", "111"},
		"anew wins over what is there": {time.Minute, false, "cache,recache", "110"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(l lab) {
				header := []string{control, c.header}
				if c.header == "" {
					header = nil
				}
				asked := fmt.Sprint(l.get(header...), l.get(header...), l.get(control, "cache"))
				if asked = strings.ReplaceAll(asked, " ", ""); asked != c.asked {
					t.Errorf("asked %s, want %s", asked, c.asked)
				}
			}, keeps(c.ttl, c.always))
		})
	}
}

func TestWhoSharesWhatIsKept(t *testing.T) {
	t.Parallel()
	const path = "/v1/secret/data/db"
	for name, c := range map[string]struct {
		method, target, body string
		headers              []string
		shared               bool
	}{
		"the same":              {"GET", path, "", nil, true},
		"another client":        {"GET", path, "", []string{"User-Agent", "curl", "X-Vault-Request", "true", "Accept", "*/*", "X-Vault-Token", "x"}, true},
		"another query":         {"GET", path + "?version=1", "", nil, false},
		"another spelling":      {"GET", "/v1/secret/data%2fdb", "", nil, false},
		"another body":          {"GET", path, "{}", nil, false},
		"another namespace":     {"GET", path, "", []string{"X-Vault-Namespace", "n"}, false},
		"an answer in a wrap":   {"GET", path, "", []string{"X-Vault-Wrap-Ttl", "60"}, false},
		"a second factor":       {"GET", path, "", []string{"X-Vault-Mfa", "m:1"}, false},
		"another method":        {"HEAD", path, "", nil, false},
		"a write":               {"PUT", path, "", nil, false},
		"one that wants it new": {"GET", path, "", []string{control, "nocache"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(l lab) {
				l.get()
				l.send(c.method, c.target, c.body, c.headers...)
				if shared := len(l.server.Calls()) == 0; shared != c.shared {
					t.Errorf("shared: %t", shared)
				}
			}, keeps(time.Minute, true))
		})
	}
}

func TestWhatIsKeptEnds(t *testing.T) {
	bubble(t, func(l lab) {
		l.get()
		l.freeze(14 * time.Minute)
		if n := l.get(); n != 0 {
			t.Errorf("asked %d times within the TTL", n)
		}
		l.freeze(time.Minute)
		if n := l.get(); n != 1 {
			t.Errorf("asked %d times after it", n)
		}
		l.freeze(-time.Hour)
		if n := l.get(); n != 1 {
			t.Errorf("asked %d times by a clock that went back", n)
		}
		l.source.Renounce() // with the token its leases end
		if n := l.get(); n != 1 {
			t.Errorf("asked %d times in a new session", n)
		}
		l.Forget()
		if n := l.get(); n != 1 {
			t.Errorf("asked %d times after all was forgotten", n)
		}
		l.held.Store(true)
		if l.get(); l.get() != 1 || len(l.server.Logins()) != 3 {
			t.Error("something is held although nothing may be")
		}
	}, keeps(15*time.Minute, true))
}

func TestCredentialsAreNotKeptBeyondTheirLease(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.LeaseLife = 5 * time.Minute
		user := func() string {
			_, rest, _ := strings.Cut(l.send("GET", "/v1/database/creds/x", "").Body.String(), `"username":"`)
			name, _, _ := strings.Cut(rest, `"`)
			return name
		}
		first := user()
		l.freeze(4 * time.Minute)
		if got := user(); got != first {
			t.Errorf("%s after %s", got, first)
		}
		l.freeze(time.Minute)
		if got := user(); got == first {
			t.Error("dead credentials")
		}
	}, keeps(15*time.Minute, true))
}

func TestFailuresAreNotKept(t *testing.T) {
	bubble(t, func(l lab) {
		for range 2 {
			if w := l.send("GET", "/v1/secret/data/none", ""); w.Code != 404 {
				t.Errorf("%d", w.Code)
			}
		}
		if calls := l.server.Calls(); len(calls) != 3 {
			t.Errorf("%v", calls)
		}
	}, keeps(time.Minute, true))
}

func TestManyWhoAskForTheSameAskOnce(t *testing.T) {
	bubble(t, func(l lab) {
		l.get(control, "nocache")
		l.server.Set(func(s *vaulttest.Server) {
			s.Fault = func(*http.Request) (*http.Response, error) { time.Sleep(time.Second); return nil, nil }
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if w := l.send("GET", "/v1/secret/data/db", ""); !strings.Contains(w.Body.String(), "s3cret") {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		if calls := l.server.Calls(); len(calls) != 1 {
			t.Errorf("%v", calls)
		}
	}, keeps(time.Minute, true))
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	bubble(t, func(l lab) {
		big := strings.Repeat("x", 3<<20)
		for _, name := range []string{"a", "b", "c", "huge"} {
			l.server.Plain[name] = `{"v":"` + big + `"}`
		}
		l.server.Plain["huge"] = `{"v":"` + strings.Repeat(big, 3)[:8<<20-200] + `"}`
		read := func(name string) bool {
			l.server.Calls()
			if w := l.send("GET", "/v1/plain/"+name, ""); w.Code != 200 {
				t.Fatalf("%s: %d %.100s", name, w.Code, w.Body)
			}
			l.freeze(time.Second)
			return !slices.Contains(l.server.Calls(), "GET plain/"+name)
		}
		read("a")
		read("b")
		if !read("a") {
			t.Error("two of them are not kept")
		}
		read("c") // in the place of b, which was used less recently
		if !read("a") || !read("c") || read("b") {
			t.Error("the wrong one was dropped")
		}
		if read("huge"); read("huge") {
			t.Error("one that has no room is kept")
		}
	}, keeps(time.Hour, true))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	both := vaultproxy.Settings{Port: 8200, Proxy: true, WriteFiles: true}
	open, proxy, file := both, both, both
	open.Open, proxy.Open, proxy.WriteFiles, file.Proxy = true, true, false, false
	with := func(s vaultproxy.Settings, f func(*vaultproxy.Settings)) vaultproxy.Settings { f(&s); return s }
	for env, want := range map[string]vaultproxy.Settings{
		"":                       both,
		"VAULT_RUN_MODE=default": open,
		"VAULT_RUN_MODE= Proxy ": proxy,
		"VAULT_RUN_MODE=file":    file,
		"VAULT_RUN_MODE=both": with(both, func(s *vaultproxy.Settings) {
			s.Warnings = []string{"VAULT_RUN_MODE is none of default, proxy, file. Ignoring it."}
		}),
		"VAULT_DEFAULT_CACHE_TTL=15m VAULT_DEFAULT_CACHE_ENABLED=1 COFFER_VAULT_PROXY_PORT=18200": with(both, func(s *vaultproxy.Settings) {
			s.TTL, s.Always, s.Port = 15*time.Minute, true, 18200
		}),
		"VAULT_DEFAULT_CACHE_TTL=15 VAULT_DEFAULT_CACHE_ENABLED=yes COFFER_VAULT_PROXY_PORT=0": with(both, func(s *vaultproxy.Settings) {
			s.Warnings = []string{
				"COFFER_VAULT_PROXY_PORT is not a port. Using 8200.", "VAULT_DEFAULT_CACHE_TTL is not a duration such as 15m. Keeping nothing.",
				"VAULT_DEFAULT_CACHE_ENABLED is neither true nor false. Using false.",
			}
		}),
		"VAULT_SECRET_PATH=/secret/data/a/": with(both, func(s *vaultproxy.Settings) {
			s.Files = []vaultproxy.File{{"secret/data/a", "/tmp/vault/secret.json"}}
		}),
		"VAULT_SECRET_PATH=a VAULT_SECRET_FILE=x VAULT_SECRET_PATH_DB=b VAULT_SECRET_FILE_DB=/run/db VAULT_SECRET_PATHS=c VAULT_SECRET_FILE_NO=y": with(both, func(s *vaultproxy.Settings) {
			s.Files = []vaultproxy.File{{"a", "/tmp/vault/x"}, {"b", "/run/db"}}
		}),
		"VAULT_SECRET_PATH_A=a VAULT_SECRET_PATH_B=b VAULT_SECRET_FILE_B=x VAULT_SECRET_PATH_C=c VAULT_SECRET_FILE_C=./x": with(both, func(s *vaultproxy.Settings) {
			s.Files = []vaultproxy.File{{"b", "/tmp/vault/x"}}
			s.Warnings = []string{
				"VAULT_SECRET_PATH_A needs VAULT_SECRET_FILE_A. Ignoring it.",
				"Two secrets are to be written to the file of VAULT_SECRET_FILE_C. Ignoring one of them.",
			}
		}),
		"VAULT_RUN_MODE=proxy VAULT_SECRET_PATH=a": proxy,
	} {
		environ := strings.Split(env, " VAULT")
		for i := range environ[1:] {
			environ[i+1] = "VAULT" + environ[i+1]
		}
		var all []string
		for _, e := range environ {
			first, rest, _ := strings.Cut(e, " COFFER")
			if all = append(all, first); rest != "" {
				all = append(all, "COFFER"+rest)
			}
		}
		if diff := cmp.Diff(want, vaultproxy.SettingsFrom(all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", env, diff)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(l lab) {
		var log strings.Builder
		name := filepath.Join(dir, "new", "db.json")
		creds := filepath.Join(dir, "creds.json")
		files := vaultproxy.NewFiles(l.source, []vaultproxy.File{{"secret/data/db", name}, {"database/creds/x", creds}}, slog.New(slog.NewTextHandler(&log, nil)), l.now)
		content := func(name string) string {
			b, err := os.ReadFile(name)
			if err != nil {
				return "none"
			}
			return string(b)
		}
		l.server.Fault = vaulttest.Sealed
		files.Sync(l.Context())
		if content(name) != "none" || strings.Count(log.String(), "a secret was not written") != 2 {
			t.Errorf("while Vault is sealed: %s", log.String())
		}
		l.server.Set(func(s *vaulttest.Server) { s.Fault = nil })
		l.server.Calls()
		files.Sync(l.Context())
		if calls := l.server.Calls(); len(calls) != 0 {
			t.Errorf("tried again at once: %v", calls)
		}
		l.freeze(11 * time.Second)
		files.Sync(l.Context())
		if got := content(name); !strings.Contains(got, `"data":{"data":{"password":"s3cret"},"metadata":{`) {
			t.Errorf("%s", got)
		}
		if !strings.Contains(content(creds), `"username":"u1"`) {
			t.Errorf("%s", content(creds))
		}
		for path, want := range map[string]os.FileMode{name: 0o600, filepath.Dir(name): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Error(err)
		}
		l.server.Set(func(s *vaulttest.Server) { s.Versioned["db"] = []string{`{"password":"n3w"}`} })
		l.freeze(4 * time.Minute)
		files.Sync(l.Context())
		if !strings.Contains(content(name), "s3cret") {
			t.Error("it was read again too soon")
		}
		l.freeze(time.Minute)
		files.Sync(l.Context())
		if info, err := os.Stat(name); !strings.Contains(content(name), "n3w") || err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s, %v", content(name), err)
		}
		if strings.Contains(content(creds), "u2") {
			t.Error("credentials were replaced too soon")
		}
		l.freeze(36 * time.Minute)
		files.Sync(l.Context())
		if !strings.Contains(content(creds), "u2") {
			t.Error("credentials were not replaced in the last third of their lease")
		}
		entries, err := os.ReadDir(filepath.Dir(name))
		if err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
		if strings.Contains(log.String(), "s3cret") {
			t.Error("a value was logged")
		}
	})
}

func TestAFileThatCantBeWritten(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	bubble(t, func(l lab) {
		var log strings.Builder
		vaultproxy.NewFiles(l.source, []vaultproxy.File{{"secret/data/db", taken}}, slog.New(slog.NewTextHandler(&log, nil)), l.now).Sync(l.Context())
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || !strings.Contains(log.String(), "not written") || strings.Contains(log.String(), "s3cret") {
			t.Errorf("%v, %v\n%s", entries, err, log.String())
		}
	})
}
