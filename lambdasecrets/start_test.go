// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdasecrets_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/lambdasecrets"
)

// functionVariable makes this program the function that the tests host.
const functionVariable = "LAMBDASECRETS_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(functionVariable) != "" {
		lambdasecrets.Start(started)
	}
	goleak.VerifyTestMain(m)
}

type order struct{ What, Me, Other string }

type orderSecrets struct {
	Password string `coffer:"prod/db"`
}

type badOrder struct{}

func (*badOrder) Error() string { return "no such order" }

// started is the function. Of two orders that name a file of their own and the other's, each
// ends when both are under way.
func started(ctx context.Context, o order, s orderSecrets) (map[string]any, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("no deadline")
	}
	switch o.What {
	case "bad":
		return nil, &badOrder{}
	case "panic":
		panic("at the disco")
	case "meet":
		if err := os.WriteFile(o.Me, nil, 0o600); err != nil {
			return nil, err
		}
		for ctx.Err() == nil {
			if _, err := os.Stat(o.Other); err == nil {
				break
			}
		}
	}
	return map[string]any{"what": o.What, "length": len(s.Password)}, ctx.Err()
}

func hostStarted(t *testing.T, change ...func(*lambdahost.Config)) *lambdahost.Host {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	srv := coffertest.NewServer(t, coffertest.Secret("prod/db", "correct-horse"))
	cfg := lambdahost.Config{
		Function: lambdahost.Process{Command: []string{own}}, Timeout: time.Minute, InitTimeout: time.Minute,
		Env:         map[string]string{functionVariable: "1", "COFFER_AGENT": "off", "AWS_ENDPOINT_URL": srv.URL},
		Credentials: lambdahost.Credentials{AccessKeyID: srv.AccessKeyID, SecretAccessKey: secret.NewText(srv.SecretAccessKey)},
	}
	for _, f := range change {
		f(&cfg)
	}
	h, err := lambdahost.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestStart(t *testing.T) {
	t.Parallel()
	h := hostStarted(t)
	for _, c := range []struct{ event, payload, errorType string }{
		{`{"What": "tea"}`, `{"length":13,"what":"tea"}`, ""},
		{`{"What": "bad"}`, `{"errorMessage":"no such order","errorType":"badOrder"}`, "badOrder"},
		{`[]`, `{"errorMessage":"json: cannot unmarshal array into Go value of type lambdasecrets_test.order","errorType":"UnmarshalTypeError"}`, "UnmarshalTypeError"},
		{`{"What": "panic"}`, `{"errorType":"Runtime.ExitError",`, "Runtime.ExitError"},
		{`{"What": "tea"}`, `{"length":13,"what":"tea"}`, ""},
	} {
		got, err := h.Invoke(t.Context(), []byte(c.event))
		if err != nil || !strings.HasPrefix(string(got.Payload), c.payload) || got.ErrorType != c.errorType {
			t.Errorf("%s: %s %s, %v; want %s %s", c.event, got.ErrorType, got.Payload, err, c.errorType, c.payload)
		}
	}
}

func TestStartOnAManagedInstance(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := hostStarted(t, func(c *lambdahost.Config) {
		c.InitializationType, c.MaxConcurrency = lambdahost.ManagedInstances, 2
		c.Function.Dir = dir
	})
	var wg sync.WaitGroup
	for _, event := range []string{`{"What": "meet", "Me": "a", "Other": "b"}`, `{"What": "meet", "Me": "b", "Other": "a"}`} {
		wg.Go(func() {
			got, err := h.Invoke(t.Context(), []byte(event))
			if err != nil || string(got.Payload) != `{"length":13,"what":"meet"}` {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestStartOutsideOfLambda(t *testing.T) {
	t.Parallel()
	err := lambdasecrets.Serve(t.Context(), func(string) string { return "" }, nil)
	if err == nil || !strings.Contains(err.Error(), "coffer lambda invoke") {
		t.Errorf("%v", err)
	}
	err = lambdasecrets.Serve(t.Context(), func(string) string { return "127.0.0.1:1" }, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "lambdasecrets: ") {
		t.Errorf("nobody to serve: %v", err)
	}
}
