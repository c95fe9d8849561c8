// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
)

// settings has a field of each form.
type settings struct {
	Untagged string
	Name     string `coffer:"db,field=user"`
	Port     uint16 `coffer:"db,field=port"`
	DB       struct {
		User string
		Port int
	} `coffer:"db"`
	Nested struct {
		Ratio   float32       `coffer:"/ratio,parameter"`
		Timeout time.Duration `coffer:"/timeout, parameter"`
		On      *bool         `coffer:"/on,parameter,version=1"`
	}
	Addr   netip.Addr        `coffer:"/addr,parameter"`
	Hosts  []string          `coffer:"/hosts,parameter"`
	Raw    []byte            `coffer:"key,base64"`
	Before string            `coffer:"s,stage=AWSPREVIOUS"`
	Flags  map[string]string `coffer:"/flags,path"`
	Extra  map[string]any    `coffer:"db,json"`
	None   string            `coffer:"nothing,optional"`
	Whole  coffer.Secret     `coffer:"s"`
}

var seeds = []coffertest.Option{
	coffertest.Secret("db", `{"user":"ann","port":5432}`), coffertest.Secret("key", "aGVsbG8="), coffertest.Secret("s", "one"), coffertest.Secret("s", "two"),
	coffertest.Parameter("/ratio", "0.5"), coffertest.Parameter("/timeout", "1m30s"), coffertest.Parameter("/on", "true"), coffertest.Parameter("/addr", "10.0.0.1"),
	coffertest.Parameter("/hosts", "a,b"), coffertest.SecureParameter("/flags/x", "1"), coffertest.Parameter("/flags/y/z", "2"),
}

func TestLoad(t *testing.T) {
	everywhere(t, seeds, func(t *testing.T, _ *coffertest.Server, c *coffer.Client) {
		got := settings{Untagged: "stays", None: "stays"}
		if err := c.Load(background, &got); err != nil {
			t.Fatal(err)
		}
		if got.Whole.Name != "s" || got.Whole.Text() != "two" {
			t.Errorf("%v", got.Whole)
		}
		got.Whole = coffer.Secret{}
		want := settings{
			Untagged: "stays", None: "stays", Name: "ann", Port: 5432, Addr: netip.MustParseAddr("10.0.0.1"), Hosts: []string{"a", "b"},
			Raw: []byte("hello"), Before: "one", Flags: map[string]string{"x": "1", "y/z": "2"}, Extra: map[string]any{"user": "ann", "port": 5432.0},
		}
		want.DB.User, want.DB.Port = "ann", 5432
		want.Nested.Ratio, want.Nested.Timeout, want.Nested.On = 0.5, 90*time.Second, new(true)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b coffer.Secret) bool { return a.Text() == b.Text() })); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLoadFillsAllOrNothing(t *testing.T) {
	everywhere(t, seeds, func(t *testing.T, srv *coffertest.Server, c *coffer.Client) {
		srv.SetParameter("/hunter2", "hunter2")
		var got struct {
			Good  string `coffer:"s"`
			Inner struct {
				Missing string `coffer:"nothing"`
			}
			Number int        `coffer:"/hunter2,parameter"`
			Addr   netip.Addr `coffer:"/hunter2,parameter"`
			JSON   struct{}   `coffer:"/hunter2,parameter"`
			Small  int8       `coffer:"db,field=port"`
		}
		err := c.Load(background, &got)
		failed, ok := errors.AsType[coffer.Errors](err)
		if !ok || len(failed) != 5 || got.Good != "" {
			t.Fatalf("%v, and %q", err, got.Good)
		}
		if !errors.Is(failed["Inner.Missing"], coffer.ErrNotFound) || !errors.Is(failed["Number"], coffer.ErrTransform) || !errors.Is(failed["Small"], coffer.ErrTransform) {
			t.Errorf("%v", err)
		}
		if text := err.Error(); strings.Contains(strings.ReplaceAll(text, "/hunter2", ""), "hunter2") || strings.Contains(text, "5432") {
			t.Errorf("an error has a value: %s", text)
		}
	})
}

func TestWhatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	c := coffer.New(coffer.Config{})
	defer c.Close()
	for name, into := range map[string]any{
		"nil":        nil,
		"no pointer": struct{}{},
		"no struct":  new(int),
		"no tag":     &struct{ A string }{},
		"a bad tag": &struct {
			A string `coffer:"a,wrong"`
		}{},
		"a bad path": &struct {
			A string `coffer:"/a,path"`
		}{},
		"a hidden one": &struct {
			a string `coffer:"a"`
		}{},
	} {
		if err := c.Load(background, into); err == nil || !strings.HasPrefix(err.Error(), "coffer: ") {
			t.Errorf("%s: %v", name, err)
		}
		for err := range c.Watch(background, into) {
			if err == nil {
				t.Errorf("%s is watched", name)
			}
		}
	}
}

func TestWatch(t *testing.T) {
	everywhere(t, seeds, func(t *testing.T, srv *coffertest.Server, c *coffer.Client) {
		var got struct {
			S     string            `coffer:"s"`
			Flags map[string]string `coffer:"/flags,path"`
			Later string            `coffer:"later,optional"`
		}
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		var seen []string
		for err := range c.Watch(ctx, &got, coffer.MaxAge(time.Millisecond)) {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, got.S+got.Flags["x"]+got.Later)
			switch len(seen) {
			case 1:
				srv.SetSecret("s", "three")
			case 2:
				srv.SetParameter("/flags/x", "2")
			case 3:
				srv.SetSecret("later", "now")
			case 4:
				cancel()
			}
		}
		if diff := cmp.Diff([]string{"two1", "three1", "three2", "three2now"}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWatchTellsOfErrorsAndGoesOn(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "one"))
	c := srv.Client()
	var got struct {
		S string `coffer:"s"`
	}
	var seen []string
	for err := range c.Watch(background, &got, coffer.MaxAge(time.Millisecond)) {
		switch {
		case err == nil && got.S == "one":
			srv.FailNext(1, "AccessDeniedException")
		case errors.Is(err, coffer.ErrAccessDenied):
			srv.SetSecret("s", "two")
		}
		if seen = append(seen, got.S); got.S == "two" {
			break
		}
	}
	if len(seen) < 3 || seen[0] != "one" || seen[1] != "one" {
		t.Errorf("%v", seen)
	}
}

func TestTheDefaultClientsFunctions(t *testing.T) {
	srv := coffertest.NewServer(t, append(seeds, coffertest.Parameter("/json", `{"a":1}`))...)
	srv.Setenv(t)
	type config struct {
		S string `coffer:"s"`
	}
	var loaded config
	if err := coffer.Load(background, &loaded); err != nil || loaded.S != "two" {
		t.Errorf("%v, %v", loaded, err)
	}
	for watched, err := range coffer.Watch[config](background) {
		if err != nil || watched != loaded {
			t.Errorf("%v, %v", watched, err)
		}
		break
	}
	if got, err := coffer.ParameterJSON[map[string]int](background, "/json"); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := coffer.GetJSON[map[string]any](background, "db"); err != nil || got["user"] != "ann" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := coffer.GetBytes(background, "s"); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := coffer.Parameters(background, []string{"/on", "/ratio"}); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := coffer.ParametersByPath(background, "/flags"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := coffer.SetSecret(background, "s", "three"); err != nil {
		t.Error(err)
	}
	if _, err := coffer.SetParameter(background, "/on", "false"); err != nil {
		t.Error(err)
	}
}
