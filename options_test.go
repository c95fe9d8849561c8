// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
)

func TestTransforms(t *testing.T) {
	seeds := []coffertest.Option{
		coffertest.Secret("text", "hunter2!"), coffertest.Secret("a.binary", "aGVsbG8="), coffertest.Binary("bytes", []byte("aGVsbG8=")),
		coffertest.Secret("a.json", `{"user":"ann","port":5432,"on":true,"nothing":null,"quote":"\"\u00e9"}`),
	}
	everywhere(t, seeds, func(t *testing.T, _ *coffertest.Server, c *coffer.Client) {
		auto, b64, isJSON := coffer.Transform(coffer.Auto), coffer.Transform(coffer.Base64), coffer.Transform(coffer.JSON)
		for _, test := range []struct {
			id      string
			options []coffer.Option
			want    string // empty for an error
		}{
			{"text", []coffer.Option{auto}, "hunter2!"},
			{"text", []coffer.Option{coffer.Transform(coffer.Plain)}, "hunter2!"},
			{"text", []coffer.Option{b64}, ""},
			{"text", []coffer.Option{isJSON}, ""},
			{"text", []coffer.Option{coffer.Field("user")}, ""},
			{"a.binary", []coffer.Option{auto}, "hello"},
			{"a.binary", []coffer.Option{b64}, "hello"},
			{"bytes", []coffer.Option{b64}, "hello"},
			{"a.json", []coffer.Option{auto, coffer.Field("user")}, "ann"},
			{"a.json", []coffer.Option{coffer.Field("port")}, "5432"},
			{"a.json", []coffer.Option{coffer.Field("on")}, "true"},
			{"a.json", []coffer.Option{coffer.Field("quote")}, `"é`},
			{"a.json", []coffer.Option{coffer.Field("nothing")}, ""},
			{"a.json", []coffer.Option{coffer.Field("User")}, ""},
		} {
			got, err := c.Get(background, test.id, test.options...)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%s: %q, %v, want %q", test.id, got, err, test.want)
			}
			e, typed := errors.AsType[*coffer.Error](err)
			if err != nil && (!typed || e.ID != test.id || !errors.Is(err, coffer.ErrTransform) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("%s: %v", test.id, err)
			}
		}
		if b, err := c.GetBytes(background, "a.binary", auto); err != nil || string(b) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

func TestDefaultsComeBeforeTheCallsOptions(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "YQ=="))
	cfg := srv.Config()
	cfg.Defaults = []coffer.Option{coffer.Transform(coffer.Base64)}
	c := coffer.New(cfg)
	defer c.Close()
	if got, err := c.Get(background, "s"); err != nil || got != "a" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Get(background, "s", coffer.Transform(coffer.Plain)); err != nil || got != "YQ==" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestMaxAge(t *testing.T) {
	everywhere(t, []coffertest.Option{coffertest.Secret("s", "old")}, func(t *testing.T, srv *coffertest.Server, c *coffer.Client) {
		get := func(age time.Duration) (string, error) { return c.Get(background, "s", coffer.MaxAge(age)) }
		if _, err := get(time.Hour); err != nil {
			t.Fatal(err)
		}
		srv.SetSecret("s", "new")
		if got, err := get(time.Hour); err != nil || got != "old" {
			t.Errorf("what is young enough was not used: %q, %v", got, err)
		}
		waitForAge(t, c)
		srv.Outage(true)
		s, err := c.Secret(background, "s", coffer.MaxAge(1))
		if err != nil || s.Text() != "old" || s.Cache != "STALE" {
			t.Errorf("in an outage: %v, %v", s, err)
		}
		srv.Outage(false)
		if got, err := get(1); err != nil || got != "new" {
			t.Errorf("what was too old was used: %q, %v", got, err)
		}
		waitForAge(t, c)
		srv.FailNext(1, "AccessDeniedException")
		if _, err := get(1); !errors.Is(err, coffer.ErrAccessDenied) {
			t.Errorf("a refusal: %v", err)
		}
	})
}

// waitForAge waits until what is kept of s has an age, which an agent tells in seconds.
func waitForAge(t *testing.T, c *coffer.Client) {
	t.Helper()
	for {
		s, err := c.Secret(background, "s")
		if err != nil {
			t.Fatal(err)
		}
		if s.Age > 0 {
			return
		}
	}
}

func TestParameters(t *testing.T) {
	seeds := []coffertest.Option{coffertest.Parameter("/p/a", "1"), coffertest.SecureParameter("/p/b", "2"), coffertest.Parameter("plain", "3")}
	everywhere(t, seeds, func(t *testing.T, _ *coffertest.Server, c *coffer.Client) {
		got, err := c.Parameters(background, []string{"/p/a", "/p/b", "/p/x", "plain", "/p/a"})
		if diff := cmp.Diff(map[string]string{"/p/a": "1", "/p/b": "2", "plain": "3"}, got); diff != "" {
			t.Error(diff)
		}
		failed, ok := errors.AsType[coffer.Errors](err)
		if !ok || len(failed) != 1 || !errors.Is(failed["/p/x"], coffer.ErrNotFound) || !errors.Is(err, coffer.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if e, ok := errors.AsType[*coffer.Error](err); !ok || e.ID != "/p/x" {
			t.Errorf("%v", err)
		}
		if got, err := c.Parameters(background, nil); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestParametersByPath(t *testing.T) {
	want := map[string]string{}
	var seeds []coffertest.Option
	for _, name := range strings.Split("abcdefghijklm", "") { // more than a page
		seeds = append(seeds, coffertest.SecureParameter("/p/"+name, name))
		want[name] = name
	}
	seeds = append(seeds, coffertest.Parameter("/p/deep/er.binary", "aGVsbG8="), coffertest.Parameter("/other", "x"))
	everywhere(t, seeds, func(t *testing.T, srv *coffertest.Server, c *coffer.Client) {
		flat, err := c.ParametersByPath(background, "/p", coffer.OneLevel())
		if diff := cmp.Diff(want, flat); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		deep := maps.Clone(want)
		deep["deep/er.binary"] = "hello"
		for range 2 {
			got, err := c.ParametersByPath(background, "/p", coffer.Transform(coffer.Auto))
			if diff := cmp.Diff(deep, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		}
		if n := len(srv.Calls()); n != 4 {
			t.Errorf("%d calls: a path is kept", n)
		}
		srv.SetParameter("/p/a", "changed")
		if got, err := c.ParametersByPath(background, "/p", coffer.OneLevel(), coffer.ForceFetch()); err != nil || got["a"] != "changed" {
			t.Errorf("%v, %v", got, err)
		}
		got, err := c.ParametersByPath(background, "/p", coffer.Transform(coffer.Base64))
		if failed, ok := errors.AsType[coffer.Errors](err); !ok || len(failed) != len(want) || got["deep/er.binary"] != "hello" {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := c.ParametersByPath(background, "/none"); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := c.ParametersByPath(background, "relative"); err == nil || strings.Contains(err.Error(), `\x00`) {
			t.Errorf("%v", err)
		}
	})
}
