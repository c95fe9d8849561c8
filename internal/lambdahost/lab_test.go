// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// journal is what happened, in order, as several goroutines saw it.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) has(line string) bool { return slices.Contains(j.read(), line) }

// start starts a host and ends it with the test.
func start(t *testing.T, cfg lambdahost.Config) *lambdahost.Host {
	t.Helper()
	h, err := lambdahost.Start(t.Context(), patient(cfg))
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, h)
	return h
}

// patient gives a host that runs in real time more of it than a slow machine needs.
func patient(cfg lambdahost.Config) lambdahost.Config {
	if cfg.Listener == nil && cfg.Timeout == 0 {
		cfg.Timeout, cfg.InitTimeout = time.Minute, time.Minute
	}
	return cfg
}

// create returns a host that has not started its environment.
func create(t *testing.T, cfg lambdahost.Config) *lambdahost.Host {
	t.Helper()
	h, err := lambdahost.New(patient(cfg))
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, h)
	return h
}

func endWith(t *testing.T, h *lambdahost.Host) {
	t.Cleanup(func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func invoke(t *testing.T, h *lambdahost.Host, event string) *lambdahost.Result {
	t.Helper()
	res, err := h.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// want fails the test unless got and want are equal.
func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// wantError checks the error document of an invocation.
func wantError(t *testing.T, res *lambdahost.Result, errorType, message string) {
	t.Helper()
	var document struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(res.Payload, &document); err != nil {
		t.Errorf("error document %q: %v", res.Payload, err)
	}
	want(t, "FunctionError", res.FunctionError, "Unhandled")
	want(t, "ErrorType", res.ErrorType, errorType)
	want(t, "errorType", document.ErrorType, errorType)
	if message != "" {
		want(t, "errorMessage", document.ErrorMessage, "RequestId: "+res.RequestID+" Error: "+message)
	}
}

func wantFailure(t *testing.T, err error, errorType string) {
	t.Helper()
	f, ok := errors.AsType[*lambdahost.Failure](err)
	if !ok {
		t.Fatalf("error is %v, want a failure of type %s", err, errorType)
	}
	want(t, "failure", f.Type, errorType)
}

// echo is a function that returns its event.
func echo(_ context.Context, event []byte) ([]byte, error) { return event, nil }

// fn is a function of the managed kind.
func fn(handle lambdahost.HandlerFunc) lambdahost.Process {
	return lambdahost.Process{Program: lambdahost.Serve(handle)}
}

// program is one that speaks the APIs itself.
func program(p lambdahost.Program) lambdahost.Process { return lambdahost.Process{Program: p} }

func extension(name string, p lambdahost.Program) lambdahost.Extension {
	return lambdahost.Extension{Name: name, Process: program(p)}
}

// answer is what an API answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) errorType() string {
	var document struct{ ErrorType string }
	_ = json.Unmarshal([]byte(a.body), &document)
	return document.ErrorType
}

// call makes one request of a process to the host.
func call(ctx context.Context, p *lambdahost.Proc, request, body string, header ...string) (answer, error) {
	method, path, _ := strings.Cut(request, " ")
	url := "http://" + p.Env["AWS_LAMBDA_RUNTIME_API"] + path
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, pair := range header {
		name, value, _ := strings.Cut(pair, ": ")
		r.Header.Set(name, value)
	}
	res, err := p.Client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(bytes.TrimSpace(b))}, err
}

// The requests that tests make.
const (
	register = "POST /2020-01-01/extension/register"
	next     = "GET /2020-01-01/extension/event/next"
	initErr  = "POST /2020-01-01/extension/init/error"
	exitErr  = "POST /2020-01-01/extension/exit/error"

	nextInvocation = "GET /2018-06-01/runtime/invocation/next"
	nextRestore    = "GET /2018-06-01/runtime/restore/next"
)

func postInvocation(id, what string) string {
	return "POST /2018-06-01/runtime/invocation/" + id + "/" + what
}

// event is an event of the Extensions API.
type event struct {
	EventType, RequestID, InvokedFunctionArn, ShutdownReason string
	DeadlineMs                                               int64
	Tracing                                                  struct{ Type, Value string }
}

// listen returns an extension that registers for events, hands each to on, and exits
// after SHUTDOWN. An error of on is its exit.
func listen(events string, on func(context.Context, *lambdahost.Proc, event) error) lambdahost.Program {
	return func(ctx context.Context, p *lambdahost.Proc) error {
		a, err := call(ctx, p, register, `{"events":[`+events+`]}`, "Lambda-Extension-Name: "+p.Name)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("register: %d %s", a.status, a.body)
		}
		id := "Lambda-Extension-Identifier: " + a.header.Get("Lambda-Extension-Identifier")
		for {
			a, err := call(ctx, p, next, "", id)
			if err != nil {
				return err
			}
			var e event
			if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != http.StatusOK {
				return fmt.Errorf("next: %d %s", a.status, a.body)
			}
			if err := on(ctx, p, e); err != nil {
				return err
			}
			if e.EventType == "SHUTDOWN" {
				return nil
			}
		}
	}
}

const both = `"INVOKE","SHUTDOWN"`

// note records each event in j.
func note(j *journal) func(context.Context, *lambdahost.Proc, event) error {
	return func(_ context.Context, p *lambdahost.Proc, e event) error {
		j.add("%s: %s%s", p.Name, e.EventType, e.ShutdownReason)
		return nil
	}
}
