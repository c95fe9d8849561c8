// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source/doppler"
	"github.com/coffer-secrets/coffer/internal/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSource(t *testing.T, f *fake, env map[string]string) *doppler.Source {
	t.Helper()
	s, err := doppler.New(doppler.Config{Transport: f, UserAgent: "test", Getenv: func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		return map[string]string{"DOPPLER_TOKEN": token}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		f := newFake(`{"DB":"s3cret"}`)
		return sourcetest.Subject{
			Source: newSource(t, f, nil), Ref: cache.Ref{ID: "DB"}, Want: "s3cret", Missing: cache.Ref{ID: "NOTHING"},
			Set: func(state sourcetest.State) {
				f.set(func() { f.status, f.hangs = 0, state == sourcetest.Hanging })
				if state == sourcetest.Down {
					f.set(func() { f.status = http.StatusBadGateway })
				}
			},
		}
	})
}

func fetch(t *testing.T, s *doppler.Source, id string) cache.Value {
	t.Helper()
	v, err := s.Fetch(t.Context(), cache.Ref{ID: id, Stage: "AWSCURRENT"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOneCallBringsAConfig(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(`{"A":"1","B":"2","C":"3","N":4,"O":{"x": 1},"Z":null}`)
		f.slow = time.Second
		s := newSource(t, f, nil)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				want := i%3 + 1
				if got := fetch(t, s, string("ABC"[i%3])).Text.RevealString(); got != fmt.Sprint(want) {
					t.Errorf("got %q, want %d", got, want)
				}
			})
		}
		wg.Wait()
		if got := fetch(t, s, "N").Text.RevealString() + fetch(t, s, "O").Text.RevealString(); got != `4{"x": 1}` {
			t.Errorf("values that are no strings: %s", got)
		}
		if n := len(f.calls()); n != 1 {
			t.Errorf("%d calls", n)
		}
		if _, err := s.Fetch(t.Context(), cache.Ref{ID: "Z"}); !isCode(err, "ResourceNotFoundException") {
			t.Errorf("null: %v", err)
		}
	})
}

func TestAnUnchangedConfigIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(`{"A":"1","B":"2"}`)
		s := newSource(t, f, nil)
		a, b := fetch(t, s, "A"), fetch(t, s, "B")
		if a.VersionID == b.VersionID || a.VersionID == "" {
			t.Errorf("versions %q and %q", a.VersionID, b.VersionID)
		}
		time.Sleep(time.Minute)
		if again := fetch(t, s, "A"); again.VersionID != a.VersionID || again.Text.RevealString() != "1" {
			t.Errorf("unchanged, and has version %s", again.VersionID)
		}
		f.set(func() { f.body, f.etag = `{"A":"1","B":"two"}`, `W/"e2"` })
		time.Sleep(time.Minute)
		if now := fetch(t, s, "A"); now.VersionID != a.VersionID {
			t.Errorf("A is the same and has version %s", now.VersionID)
		}
		if now := fetch(t, s, "B"); now.VersionID != "e2/B" || now.Text.RevealString() != "two" {
			t.Errorf("B has version %s", now.VersionID)
		}
		if got := strings.Join(f.calls(), " "); got != `GET: GET:"e1" GET:"e1"` {
			t.Errorf("called with If-None-Match %s", got)
		}
		_, err := s.Fetch(t.Context(), cache.Ref{ID: "B", VersionID: b.VersionID})
		if !isCode(err, "ResourceNotFoundException") {
			t.Errorf("a version that is gone: %v", err)
		}
		if _, err = s.Fetch(t.Context(), cache.Ref{ID: "B", VersionID: "e2/B"}); err != nil {
			t.Error(err)
		}
		if _, err = s.Fetch(t.Context(), cache.Ref{ID: "B", Stage: "AWSPREVIOUS"}); !isCode(err, "ResourceNotFoundException") {
			t.Errorf("AWSPREVIOUS: %v", err)
		}
	})
}

func TestWhereAnIDIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, project, config, query string }{
		{"A", "", "", "format=json"},
		{"A", "shop", "prd", "config=prd&format=json&project=shop"},
		{"pay/dev&x/A", "shop", "prd", "config=dev%26x&format=json&project=pay"},
	} {
		f := newFake(`{"A":"1"}`)
		fetch(t, newSource(t, f, map[string]string{"DOPPLER_PROJECT": c.project, "DOPPLER_CONFIG": c.config}), c.id)
		if f.query != c.query {
			t.Errorf("%s: asked for %s, want %s", c.id, f.query, c.query)
		}
	}
	for _, id := range []string{"", "a/b", "a//b", "/a/b", "a/b/c/d", "a/b/"} {
		if _, err := newSource(t, newFake(`{}`), nil).Fetch(t.Context(), cache.Ref{ID: id}); !isCode(err, "ValidationException") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestHowDopplersAnswersCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		code   string // empty means unavailable
		calls  int
	}{
		"a token of nobody's":     {401, `{"messages":["Invalid Auth token"],"success":false}`, "AccessDeniedException: Doppler answered 401: Invalid Auth token", 1},
		"another project's token": {403, `not JSON`, "AccessDeniedException: Doppler answered 403", 1},
		"no such config":          {404, `{"messages":["Could not find config\u0000"]}`, "ResourceNotFoundException: Doppler answered 404: Could not find config", 1},
		"a bad request":           {400, `{}`, "ValidationException: Doppler answered 400", 1},
		"a redirect":              {302, ``, "Doppler answered 302", 1},
		"a teapot":                {418, ``, "Doppler answered 418", 1},
		"unchanged, unasked":      {304, ``, "Doppler answered 304", 1},
		"come slower":             {429, ``, "", 1},
		"a fault":                 {500, ``, "", 3},
		"a gateway's timeout":     {504, ``, "", 3},
		"not an object":           {200, `["hunter2"]`, "doppler: the answer is not an object of secrets", 1},
		"not JSON":                {200, `{"A":"hunter2`, "doppler: the answer is not an object of secrets", 1},
		"null":                    {200, `null`, "doppler: the answer is not an object of secrets", 1},
		"too long":                {200, `{"A":"` + strings.Repeat("hunter2", 1<<20) + `"}`, "doppler: the answer is too long", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(c.body)
				f.status = c.status
				_, err := newSource(t, f, nil).Fetch(t.Context(), cache.Ref{ID: "A"})
				if _, soft := errors.AsType[*cache.Unavailable](err); soft != (c.code == "") {
					t.Errorf("unavailable %t: %v", soft, err)
				}
				if err == nil || c.code != "" && err.Error() != c.code || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%v", err)
				}
				if n := len(f.calls()); n != c.calls {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

func TestPatienceIsHeeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(`{"A":"1"}`)
		f.status, f.retryAfter = 429, "7"
		s := newSource(t, f, nil)
		for range 5 {
			if _, err := s.Fetch(t.Context(), cache.Ref{ID: "A"}); err == nil {
				t.Error("a throttle has a value")
			}
		}
		f.set(func() { f.status = 0 })
		time.Sleep(6 * time.Second)
		if _, err := s.Fetch(t.Context(), cache.Ref{ID: "A"}); err == nil || len(f.calls()) != 1 {
			t.Errorf("%v after %d calls", err, len(f.calls()))
		}
		time.Sleep(time.Second)
		fetch(t, s, "A")
	})
}

func TestWhoWaitsSharesAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(`{}`)
		f.status, f.slow = 500, 100*time.Millisecond
		s := newSource(t, f, nil)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := s.Fetch(t.Context(), cache.Ref{ID: "A"}); err == nil {
					t.Error("a fault has a value")
				}
			})
		}
		wg.Wait()
		if n := len(f.calls()); n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestARefusalForgetsTheConfig(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(`{"A":"1"}`)
		s := newSource(t, f, nil)
		fetch(t, s, "A")
		f.set(func() { f.status = 403 })
		time.Sleep(time.Minute)
		if _, err := s.Fetch(t.Context(), cache.Ref{ID: "A"}); !isCode(err, "AccessDeniedException") {
			t.Error(err)
		}
		f.set(func() { f.status = 0 })
		fetch(t, s, "A")
		if got := strings.Join(f.calls(), " "); got != `GET: GET:"e1" GET:` {
			t.Errorf("called with If-None-Match %s", got)
		}
	})
}

func TestManyConfigsAreNotHeld(t *testing.T) {
	t.Parallel()
	f := newFake(`{"A":"1"}`)
	s := newSource(t, f, nil)
	for range 2 {
		for i := range 100 {
			fetch(t, s, fmt.Sprintf("p/c%d/A", i))
		}
	}
	if n := len(f.calls()); n != 200 {
		t.Errorf("%d calls", n)
	}
}

func TestTheTokenGoesToNobodyElse(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"": true, "https://doppler.internal/": true, "http://127.0.0.1:8080": true, "http://localhost": true,
		"http://api.doppler.com": false, "https://user:pass@host": false, "ftp://host": false, "api.doppler.com": false, "https://h/?x": false, "%": false,
	} {
		_, err := doppler.New(doppler.Config{Getenv: func(name string) string { return map[string]string{"DOPPLER_API_HOST": host}[name] }})
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: %v", host, err)
		}
	}
	f := newFake(`{"A":"1"}`)
	_, err := newSource(t, f, map[string]string{"DOPPLER_TOKEN": ""}).Fetch(context.Background(), cache.Ref{ID: "A"})
	if err == nil || len(f.calls()) != 0 {
		t.Errorf("without a token: %v", err)
	}
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code
}
