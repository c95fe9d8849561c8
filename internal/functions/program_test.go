// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/functions"
)

// invoke runs the function, and fails the test if that fails.
func (l *lab) invoke(do string) {
	l.t.Helper()
	if err := l.Invoke(l.t.Context(), functARN, event(do)); err != nil {
		l.t.Fatal(err)
	}
}

// refused runs the function, which must fail with an error that tells nothing secret.
func (l *lab) refused(ctx context.Context, do string) error {
	l.t.Helper()
	err := l.Invoke(ctx, functARN, event(do))
	if err == nil {
		l.t.Fatalf("%q succeeded", do)
	}
	if strings.Contains(err.Error(), canary) {
		l.t.Errorf("the error has what the function was given: %v", err)
	}
	return err
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || target != functions.ErrUnreachable && errors.Is(err, functions.ErrUnreachable) {
		t.Errorf("error is %v, want %v", err, target)
	}
}

func wantFailure(t *testing.T, err error, want functions.FunctionError) {
	t.Helper()
	failed, ok := errors.AsType[*functions.FunctionError](err)
	if !ok {
		t.Fatalf("error is %v, want the function's", err)
	}
	if want.Message == "" {
		want.Message = failed.Message
	}
	if diff := cmp.Diff(want, *failed); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyConfiguredFunctionsAreKnown(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t))
	for arn, known := range map[string]bool{functARN: true, functARN + ":2": false, "": false, name: false} {
		if l.Known(arn) != known {
			t.Errorf("Known(%q) is %t", arn, !known)
		}
	}
	wantIs(t, l.Invoke(t.Context(), functARN+":2", nil), functions.ErrUnknown)
}

func TestAProgramRunsUnderItsRole(t *testing.T) {
	t.Parallel()
	f := program(t)
	f.Program.Env = map[string]string{"TABLE": "orders"}
	l := open(t, func(l *lab, c *functions.Config) {
		c.Getenv = func(name string) string { return map[string]string{"TMPDIR": "/somewhere", "HOME": "/root"}[name] }
		c.Server = func(context.Context) (functions.Address, error) {
			return functions.Address{URL: l.server.URL, CA: "/tls/server.crt"}, nil
		}
	}, f)
	l.invoke("call")
	got := <-l.calls
	for name, want := range map[string]string{
		"TABLE": "orders", "TMPDIR": "/somewhere", "AWS_ENDPOINT_URL": l.server.URL, "AWS_CA_BUNDLE": "/tls/server.crt",
		"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "key-" + canary, "AWS_SESSION_TOKEN": "token-" + canary,
		"AWS_REGION": region, "AWS_LAMBDA_FUNCTION_NAME": name, "HOME": "",
	} {
		if got.env(name) != want {
			t.Errorf("%s is %q, want %q", name, got.env(name), want)
		}
	}
	if diff := cmp.Diff([]string{account + " rotator " + name}, l.sessions.opened); diff != "" {
		t.Error(diff)
	}
}

// TestAProgramInheritsNothing holds that a variable of the server is in a program's
// environment only if it is one of those that the package tells of.
func TestAProgramInheritsNothing(t *testing.T) {
	t.Setenv("COFFER_ROOT_PASSPHRASE", canary)
	l := open(t, nil, program(t))
	l.invoke("call")
	for _, pair := range (<-l.calls).Environ {
		name, _, _ := strings.Cut(pair, "=")
		known := []string{"PATH", "LANG", "TZ", "_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
		if !strings.HasPrefix(name, "AWS_") && !slices.Contains(known, name) {
			t.Errorf("the program has %s", name)
		}
	}
}

func TestTheConfigurationMayNameAnotherServer(t *testing.T) {
	t.Parallel()
	f := program(t)
	l := open(t, func(l *lab, c *functions.Config) {
		f.Program.Env = map[string]string{"AWS_ENDPOINT_URL": l.server.URL}
		c.Functions = []functions.Function{f}
		c.Server = func(context.Context) (functions.Address, error) { return functions.Address{}, errors.New("not needed") }
	})
	l.invoke("call")
	<-l.calls
}

func TestAnEnvironmentIsKept(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t))
	l.invoke("call")
	l.invoke("call")
	if first, second := <-l.calls, <-l.calls; first.PID != second.PID {
		t.Errorf("processes %d and %d", first.PID, second.PID)
	}
}

func TestAnIdleEnvironmentEnds(t *testing.T) {
	t.Parallel()
	l := open(t, func(_ *lab, c *functions.Config) { c.Idle = time.Millisecond }, program(t))
	l.invoke("succeed")
	if key := <-l.sessions.withdrawn; key != "ASIA1" {
		t.Errorf("session %s ended", key)
	}
	l.invoke("succeed")
	<-l.sessions.withdrawn
}

func TestAnEnvironmentEndsBeforeItsCredentials(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t)) // invocations take up to a minute
	l.invoke("call")
	l.passes(56 * time.Minute)
	l.invoke("call")
	l.passes(2 * time.Minute) // what is left is enough for one, and not for a start before it
	l.invoke("call")
	first, second, third := <-l.calls, <-l.calls, <-l.calls
	if first.PID != second.PID || second.PID == third.PID || third.env("AWS_ACCESS_KEY_ID") != "ASIA2" {
		t.Errorf("processes %d, %d and %d, and the last with %s", first.PID, second.PID, third.PID, third.env("AWS_ACCESS_KEY_ID"))
	}
	if key := <-l.sessions.withdrawn; key != "ASIA1" {
		t.Errorf("session %s ended", key)
	}
}

func TestInvocationsOfAProgramAreBounded(t *testing.T) {
	t.Parallel()
	l := open(t, func(l *lab, _ *functions.Config) { l.answer = make(chan struct{}) }, program(t))
	var all sync.WaitGroup
	const more = functions.MaxConcurrent + 2
	for range more {
		all.Go(func() {
			if err := l.Invoke(t.Context(), functARN, event("call")); err != nil {
				t.Error(err)
			}
		})
	}
	pids := map[int]bool{}
	for range functions.MaxConcurrent {
		pids[(<-l.calls).PID] = true
	}
	if len(l.calls) != 0 || len(pids) != functions.MaxConcurrent {
		t.Errorf("%d programs, and %d further calls", len(pids), len(l.calls))
	}
	// Somebody who does not want to wait for a turn need not.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantIs(t, l.refused(ctx, "call"), context.Canceled)
	close(l.answer)
	all.Wait()
	for range more - functions.MaxConcurrent {
		if c := <-l.calls; !pids[c.PID] {
			t.Error("a fifth program was started")
		}
	}
}

func TestAProgramThatFails(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t))
	wantFailure(t, l.refused(t.Context(), "fail"), functions.FunctionError{Type: "Error", Message: "the database said no"})
	wantFailure(t, l.refused(t.Context(), "exit"), functions.FunctionError{Type: "Runtime.ExitError"})
	l.invoke("succeed")
	wantFailure(t, l.refused(t.Context(), "answer much"), functions.FunctionError{Type: "Function.ResponseSizeTooLarge"})
	l.invoke("print")
	if err := l.Close(); err != nil { // which reads the output to its end
		t.Error(err)
	}
	if log := l.log.String(); !strings.Contains(log, "a line of the program") || !strings.Contains(log, "the database said no") {
		t.Errorf("the log does not help whoever runs the function:\n%s", log)
	}
}

func TestAProgramThatHangs(t *testing.T) {
	t.Parallel()
	f := program(t)
	f.Timeout = 50 * time.Millisecond
	l := open(t, nil, f)
	wantIs(t, l.refused(t.Context(), "hang"), functions.ErrTimedOut)
}

func TestAProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	f := program(t)
	f.Program.Command = []string{"/nothing/here"}
	l := open(t, nil, f)
	wantFailure(t, l.refused(t.Context(), "succeed"), functions.FunctionError{Type: "Runtime.InvalidEntrypoint"})
}

func TestACallerWhoLeavesEndsTheInvocation(t *testing.T) {
	t.Parallel()
	l := open(t, func(l *lab, _ *functions.Config) { l.answer = make(chan struct{}) }, program(t))
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- l.refused(ctx, "call") }()
	first := <-l.calls
	cancel()
	wantIs(t, <-left, context.Canceled)
	close(l.answer)
	l.invoke("call")
	if second := <-l.calls; second.PID == first.PID {
		t.Error("the program of an invocation that was left goes on")
	}
}

func TestCloseEndsInvocations(t *testing.T) {
	t.Parallel()
	l := open(t, func(l *lab, _ *functions.Config) { l.answer = make(chan struct{}) }, program(t))
	left := make(chan error, 1)
	go func() { left <- l.refused(t.Context(), "call") }()
	<-l.calls
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wantIs(t, <-left, functions.ErrClosed)
	wantIs(t, l.refused(t.Context(), "succeed"), functions.ErrClosed)
	if key := <-l.sessions.withdrawn; key != "ASIA1" {
		t.Errorf("session %s ended", key)
	}
}

func TestAProgramWithoutASession(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t))
	noRole := errors.New("no such role")
	l.sessions.fail = noRole
	err := l.refused(t.Context(), "succeed")
	wantIs(t, err, functions.ErrUnreachable)
	if !errors.Is(err, noRole) {
		t.Errorf("error is %v, without what was wrong", err)
	}
}

func TestAProgramWaitsForTheServer(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{})
	l := open(t, func(_ *lab, c *functions.Config) {
		c.Server = func(ctx context.Context) (functions.Address, error) {
			close(waits)
			<-ctx.Done()
			return functions.Address{}, context.Cause(ctx)
		}
	}, program(t))
	left := make(chan error, 1)
	go func() { left <- l.refused(t.Context(), "succeed") }()
	<-waits
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wantIs(t, <-left, functions.ErrClosed)
}
