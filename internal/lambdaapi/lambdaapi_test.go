// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdaapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/lambdaapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api answers with one status and body, and remembers the request.
func api(t *testing.T, status int, body string) (*lambdaapi.Client, *string) {
	t.Helper()
	seen := new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*seen = fmt.Sprint(r.Method, " ", r.URL.Path, " name=", r.Header.Get("Lambda-Extension-Name"),
			" id=", r.Header.Get("Lambda-Extension-Identifier"), " error=", r.Header.Get("Lambda-Extension-Function-Error-Type"), " ", string(b))
		if status == 200 {
			w.Header().Set("Lambda-Extension-Identifier", "id-1")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	c := lambdaapi.New(strings.TrimPrefix(srv.URL, "http://"), nil)
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c, seen
}

func want(t *testing.T, got *string, text string) {
	t.Helper()
	if *got != text {
		t.Errorf("sent %s\nwant %s", *got, text)
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	c, seen := api(t, 200, `{"eventType":"SHUTDOWN","deadlineMs":1676051031000,"shutdownReason":"spindown"}`)
	if err := c.Register(t.Context(), "coffer-extension", lambdaapi.Invoke, lambdaapi.Shutdown); err != nil {
		t.Fatal(err)
	}
	want(t, seen, `POST /2020-01-01/extension/register name=coffer-extension id= error= {"events":["INVOKE","SHUTDOWN"]}`)
	e, err := c.Next(t.Context())
	if err != nil || e != (lambdaapi.Event{Type: lambdaapi.Shutdown, DeadlineMs: 1676051031000, ShutdownReason: "spindown"}) {
		t.Errorf("%+v, %v", e, err)
	}
	want(t, seen, `GET /2020-01-01/extension/event/next name= id=id-1 error= `)
	if err := c.InitError(t.Context(), "Extension.PortTaken", errors.New("taken")); err != nil {
		t.Error(err)
	}
	want(t, seen, `POST /2020-01-01/extension/init/error name= id=id-1 error=Extension.PortTaken {"errorMessage":"taken","errorType":"Extension.PortTaken","stackTrace":[]}`)
	if err := c.ExitError(t.Context(), "Extension.X", errors.New("y")); err != nil {
		t.Error(err)
	}
	want(t, seen, `POST /2020-01-01/extension/exit/error name= id=id-1 error=Extension.X {"errorMessage":"y","errorType":"Extension.X","stackTrace":[]}`)
}

func TestARefusalHasLambdasOwnWords(t *testing.T) {
	t.Parallel()
	c, _ := api(t, 403, `{"errorMessage":"INVOKE is not allowed","errorType":"Extension.InvalidEventType"}`)
	err := c.Register(t.Context(), "x", lambdaapi.Invoke)
	e, ok := errors.AsType[*lambdaapi.APIError](err)
	if !ok || e.Status != 403 || e.Type != "Extension.InvalidEventType" || e.Operation != "register" {
		t.Errorf("%v", err)
	}
	c, _ = api(t, 500, `<html>`)
	if _, err := c.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("%v", err)
	}
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	c, _ := api(t, 202, "")
	if err := c.Register(t.Context(), "x"); err == nil {
		t.Error("registered without an identifier")
	}
	c, _ = api(t, 200, `{"eventType":`)
	if _, err := c.Next(t.Context()); err == nil {
		t.Error("half an event was taken")
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer srv.Close()
	defer close(release)
	c := lambdaapi.New(strings.TrimPrefix(srv.URL, "http://"), nil)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
