// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdasecrets_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/lambdasecrets"
)

type config struct {
	Password string `coffer:"db"`
}

type event struct{ Name string }

var errLogin = errors.New("password authentication failed")

func TestWrap(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	handler := lambdasecrets.Wrap(func(_ context.Context, in event, c config) (string, error) {
		return in.Name + " " + c.Password, nil
	}, lambdasecrets.From(srv.Client()))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := handler(t.Context(), event{"ann"}); err != nil || got != "ann one" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := len(srv.Calls()); n != 1 {
		t.Errorf("%d calls to the service", n)
	}
}

func TestValuesAreAsFreshAsTheOptionsSay(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	var got string
	handler := lambdasecrets.WrapEvent(func(_ context.Context, _ event, c config) error {
		got = c.Password
		return nil
	}, lambdasecrets.From(srv.Client()), lambdasecrets.Load(coffer.ForceFetch()))
	for _, want := range []string{"two", "three"} {
		srv.SetSecret("db", want)
		if err := handler(t.Context(), event{}); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWithoutSecretsTheHandlerDoesNotRun(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	handler := lambdasecrets.Wrap(func(context.Context, event, config) (string, error) {
		t.Error("the handler runs")
		return "", nil
	}, lambdasecrets.From(srv.Client()))
	if _, err := handler(t.Context(), event{}); !errors.Is(err, coffer.ErrNotFound) || !strings.HasPrefix(err.Error(), "lambdasecrets: ") {
		t.Errorf("%v", err)
	}
}

func TestAnOutageAfterTheFirstInvocation(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	handler := lambdasecrets.Wrap(func(_ context.Context, _ event, c config) (string, error) { return c.Password, nil },
		lambdasecrets.From(srv.Client()), lambdasecrets.Load(coffer.MaxAge(1)))
	for _, down := range []bool{false, true} {
		srv.Outage(down)
		if got, err := handler(t.Context(), event{}); err != nil || got != "one" {
			t.Errorf("outage %t: %q, %v", down, got, err)
		}
	}
}

func TestAfterARotationTheHandlerRunsOnceMore(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	now := time.Now()
	var tried []string
	handler := lambdasecrets.WrapEvent(func(_ context.Context, accepted string, c config) error {
		if tried = append(tried, c.Password); c.Password != accepted {
			return coffer.AuthFailed(errLogin)
		}
		return nil
	}, lambdasecrets.From(srv.Client()), lambdasecrets.Clock(func() time.Time { return now }))
	for _, step := range []struct {
		set, accepted, tried string
		err                  error
		later                time.Duration
	}{
		{"", "one", "one", nil, 0},
		{"two", "two", "one two", nil, 0},                    // rotated since
		{"three", "three", "two", errLogin, 9 * time.Second}, // and again: the source is not stormed
		{"", "three", "two three", nil, time.Second},
	} {
		now = now.Add(step.later)
		if tried = nil; step.set != "" {
			srv.SetSecret("db", step.set)
		}
		if err := handler(t.Context(), step.accepted); !errors.Is(err, step.err) || strings.Join(tried, " ") != step.tried {
			t.Errorf("%+v: tried %v, %v", step, tried, err)
		}
	}
}

func TestTheSameValuesAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	runs := 0
	handler := lambdasecrets.WrapEvent(func(context.Context, event, config) error {
		runs++
		return coffer.AuthFailed(errLogin)
	}, lambdasecrets.From(srv.Client()))
	if err := handler(t.Context(), event{}); !errors.Is(err, errLogin) || runs != 1 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// greeter is what lambda.NewHandler makes of a function.
type greeter struct{}

func (greeter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in event
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	c, ok := lambdasecrets.Value[config](ctx)
	if !ok {
		return nil, errors.New("no secrets")
	}
	return json.Marshal(in.Name + " " + c.Password)
}

func TestInContext(t *testing.T) {
	srv := coffertest.NewServer(t, coffertest.Secret("db", "one"))
	srv.Setenv(t) // for the default client
	handler := lambdasecrets.InContext[config](greeter{})
	if got, err := handler.Invoke(t.Context(), []byte(`{"Name":"ann"}`)); err != nil || string(got) != `"ann one"` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := (greeter{}).Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("there are secrets in any context")
	}
}

func BenchmarkWrap(b *testing.B) {
	srv := coffertest.NewServer(b, coffertest.Secret("db", "one"))
	handler := lambdasecrets.Wrap(func(_ context.Context, _ event, c config) (int, error) { return len(c.Password), nil },
		lambdasecrets.From(srv.Client()))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := handler(b.Context(), event{}); err != nil || n != 3 {
			b.Fatal(n, err)
		}
	}
}
