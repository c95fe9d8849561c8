// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

func TestAnEventGoesToTheRuntimeAndTheExtensions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []event
		var asked answer
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Region: "eu-west-1", AccountID: "123456789012", FunctionName: "shop",
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				var err error
				if asked, err = call(ctx, p, nextInvocation, ""); err != nil {
					return err
				}
				id := asked.header.Get("Lambda-Runtime-Aws-Request-Id")
				a, err := call(ctx, p, postInvocation(id, "response"), `"ok"`)
				if err != nil {
					return err
				}
				want(t, "status", a.status, 202)
				want(t, "body", a.body, `{"status":"OK"}`)
				_, err = call(ctx, p, nextInvocation, "")
				return err
			}),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(_ context.Context, _ *lambdahost.Proc, e event) error {
				told = append(told, e)
				return nil
			}))},
		})
		deadline := time.Now().Add(3 * time.Second).UnixMilli()
		res := invoke(t, h, `{"n":1}`)

		want(t, "payload", string(res.Payload), `"ok"`)
		want(t, "error", res.FunctionError, "")
		want(t, "event", asked.body, `{"n":1}`)
		const arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
		for name, value := range map[string]string{
			"Lambda-Runtime-Aws-Request-Id":       res.RequestID,
			"Lambda-Runtime-Deadline-Ms":          strconv.FormatInt(deadline, 10),
			"Lambda-Runtime-Invoked-Function-Arn": arn,
			"Content-Type":                        "application/json",
		} {
			want(t, name, asked.header.Get(name), value)
		}
		trace := asked.header.Get("Lambda-Runtime-Trace-Id")
		if !strings.HasPrefix(trace, "Root=1-") {
			t.Errorf("trace id is %q", trace)
		}
		expected := event{EventType: "INVOKE", RequestID: res.RequestID, InvokedFunctionArn: arn, DeadlineMs: deadline}
		expected.Tracing.Type, expected.Tracing.Value = "X-Amzn-Trace-Id", trace
		if diff := cmp.Diff([]event{expected}, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnInvocationIsOverWhenEverybodyAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: fn(echo),
			Extensions: []lambdahost.Extension{
				extension("busy", listen(both, func(_ context.Context, _ *lambdahost.Proc, e event) error {
					if e.EventType == "INVOKE" {
						time.Sleep(2 * time.Second)
					}
					return nil
				})),
				extension("aside", listen(`"SHUTDOWN"`, func(_ context.Context, _ *lambdahost.Proc, e event) error {
					if e.EventType == "INVOKE" {
						return errors.New("was told of an invocation without having registered for it")
					}
					return nil
				})),
			},
		})
		began := time.Now()
		res := invoke(t, h, `1`)
		want(t, "time", time.Since(began), 2*time.Second)
		want(t, "duration", res.Duration, 2*time.Second)
		want(t, "payload", string(res.Payload), `1`)
		want(t, "reset", res.Reset, "")
	})
}

func TestATimeoutResetsTheEnvironment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var left time.Duration
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: fn(func(ctx context.Context, event []byte) ([]byte, error) {
				if string(event) == `"hang"` {
					time.Sleep(4 * time.Second)
				}
				return event, nil
			}),
			Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
				j.add("x starts")
				return listen(both, func(_ context.Context, p *lambdahost.Proc, e event) error {
					if e.EventType == "SHUTDOWN" {
						left = time.UnixMilli(e.DeadlineMs).Sub(p.Clock.Now())
					}
					return note(&j)(ctx, p, e)
				})(ctx, p)
			})},
		})
		first := invoke(t, h, `1`)
		want(t, "payload", string(first.Payload), `1`)

		res := invoke(t, h, `"hang"`)
		wantError(t, res, "Sandbox.Timedout", "Task timed out after 3.00 seconds")
		want(t, "duration", res.Duration, 3*time.Second)
		want(t, "reset", res.Reset, "timeout")
		want(t, "time left to the extension", left, 1700*time.Millisecond) // the runtime had 300 ms

		want(t, "payload", string(invoke(t, h, `2`).Payload), `2`)
		expected := []string{"x starts", "x: INVOKE", "x: INVOKE", "x: SHUTDOWNtimeout", "x starts", "x: INVOKE"}
		if diff := cmp.Diff(expected, j.read()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnExtensionThatOverrunsTheTimeoutDoesNotTakeTheResponseAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: fn(echo),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(ctx context.Context, _ *lambdahost.Proc, e event) error {
				if e.EventType == "INVOKE" {
					<-ctx.Done()
				}
				return ctx.Err()
			}))},
		})
		res := invoke(t, h, `1`)
		want(t, "payload", string(res.Payload), `1`)
		want(t, "error", res.FunctionError, "")
		want(t, "reset", res.Reset, "timeout")
		want(t, "duration", res.Duration, 3*time.Second)
	})
}

func TestACrashResetsTheEnvironment(t *testing.T) {
	t.Parallel()
	crash := errors.New("crash")
	for _, c := range []struct{ name, event, errorType, message string }{
		{"of the runtime", `"runtime"`, "Runtime.ExitError", "Runtime exited with error: exit status 1"},
		{"of the runtime with status 0", `"leave"`, "Runtime.ExitError", "Runtime exited without providing a reason"},
		{"of an extension", `"extension"`, "Extension.Crash", "exit code 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var j journal
			crashing := make(chan error, 1)
			h := start(t, lambdahost.Config{
				Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
					a, err := call(ctx, p, nextInvocation, "")
					if err != nil {
						return err
					}
					switch a.body {
					case `"runtime"`:
						return crash
					case `"leave"`:
						return nil
					case `"extension"`:
						crashing <- crash
						<-ctx.Done()
						return nil
					}
					id := a.header.Get("Lambda-Runtime-Aws-Request-Id")
					if _, err = call(ctx, p, postInvocation(id, "response"), a.body); err != nil {
						return err
					}
					_, err = call(ctx, p, nextInvocation, "")
					return err
				}),
				Extensions: []lambdahost.Extension{
					extension("witness", listen(both, note(&j))),
					extension("x", listen(both, func(_ context.Context, _ *lambdahost.Proc, e event) error {
						if e.EventType == "INVOKE" && c.event == `"extension"` && !j.has("crashed") {
							j.add("crashed")
							return <-crashing
						}
						return nil
					})),
				},
			})
			res := invoke(t, h, c.event)
			wantError(t, res, c.errorType, c.message)
			want(t, "reset", res.Reset, "failure")
			want(t, "shutdown", j.has("witness: SHUTDOWNfailure"), true)
			want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
		})
	}
}

func TestAnErrorOfTheHandlerIsNoReset(t *testing.T) {
	t.Parallel()
	runs := 0
	h := start(t, lambdahost.Config{Function: fn(func(context.Context, []byte) ([]byte, error) {
		runs++
		return nil, errors.New("run " + strconv.Itoa(runs))
	})})
	for range 2 {
		res := invoke(t, h, `1`)
		want(t, "error", res.FunctionError, "Unhandled")
		want(t, "reset", res.Reset, "")
	}
	want(t, "payload", string(invoke(t, h, `1`).Payload), `{"errorType":"Error","errorMessage":"run 3"}`)
}

func TestPayloadsAreBounded(t *testing.T) {
	t.Parallel()
	h := start(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		for {
			a, err := call(ctx, p, nextInvocation, "")
			if err != nil {
				return err
			}
			id, size := a.header.Get("Lambda-Runtime-Aws-Request-Id"), lambdahost.MaxPayload
			if strings.HasPrefix(a.body, `"more"`) {
				size++
			}
			a, err = call(ctx, p, postInvocation(id, "response"), strings.Repeat("x", size))
			if err != nil {
				return err
			}
			if size > lambdahost.MaxPayload {
				want(t, "status", a.status, 413)
				want(t, "type", a.errorType(), "RequestEntityTooLarge")
			}
		}
	})})
	want(t, "size", len(invoke(t, h, `1`).Payload), lambdahost.MaxPayload)
	res := invoke(t, h, `"more"`)
	wantError(t, res, "Function.ResponseSizeTooLarge", "")
	want(t, "reset", res.Reset, "")

	event := bytes.Repeat([]byte(" "), lambdahost.MaxPayload+1)
	if _, err := h.Invoke(t.Context(), event); !errors.Is(err, lambdahost.ErrPayloadTooLarge) {
		t.Errorf("error is %v", err)
	}
	want(t, "size", len(invoke(t, h, string(event[1:])).Payload), lambdahost.MaxPayload)
}

func TestTheEndOfTheContextEndsTheInvocation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h := start(t, lambdahost.Config{Function: fn(func(ctx context.Context, event []byte) ([]byte, error) {
		if string(event) == `"cancel"` {
			cancel()
			<-ctx.Done()
		}
		return event, nil
	})})
	if _, err := h.Invoke(ctx, []byte(`"cancel"`)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
}

func TestShutdownEndsTheInvocation(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	h := start(t, lambdahost.Config{Function: fn(func(ctx context.Context, _ []byte) ([]byte, error) {
		close(running)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	failed := make(chan error)
	go func() {
		_, err := h.Invoke(t.Context(), nil)
		failed <- err
	}()
	<-running
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, lambdahost.ErrClosed) {
		t.Errorf("error is %v", err)
	}
	_, err := h.Invoke(t.Context(), nil)
	for what, err := range map[string]error{
		"Invoke": err, "Init": h.Init(t.Context()), "Restore": h.Restore(t.Context()), "Thaw": h.Thaw(),
	} {
		if !errors.Is(err, lambdahost.ErrClosed) {
			t.Errorf("%s afterwards: %v", what, err)
		}
	}
}

func TestInvocationsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, most := 0, 0
		h := create(t, lambdahost.Config{Listener: lambdahost.NewPipe(), Function: fn(func(_ context.Context, event []byte) ([]byte, error) {
			running++
			most = max(most, running)
			time.Sleep(time.Second)
			running--
			return event, nil
		})})
		done := make(chan *lambdahost.Result)
		for range 5 {
			go func() { done <- invoke(t, h, `1`) }()
		}
		for range 5 {
			res := <-done
			want(t, "payload", string(res.Payload), `1`)
			want(t, "duration", res.Duration, time.Second)
		}
		want(t, "invocations at once", most, 1)
	})
}
