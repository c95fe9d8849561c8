// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestManagedInstancesSendNoInvokeEvents(t *testing.T) {
	t.Parallel()
	var j journal
	h := start(t, lambdahost.Config{
		InitializationType: lambdahost.ManagedInstances,
		Function:           fn(echo),
		Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
			a, err := call(ctx, p, register, `{"events":[`+both+`]}`, "Lambda-Extension-Name: x")
			if err != nil {
				return err
			}
			want(t, "status", a.status, 403)
			want(t, "type", a.errorType(), "Extension.InvalidEventType")
			return listen(`"SHUTDOWN"`, note(&j))(ctx, p)
		})},
	})
	want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
	if err := h.Freeze(time.Hour); !errors.Is(err, lambdahost.ErrBusy) {
		t.Errorf("freezing: %v", err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"x: SHUTDOWNspindown"}, j.read()); diff != "" {
		t.Error(diff)
	}
}

func TestManagedInstancesRunInvocationsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), InitializationType: lambdahost.ManagedInstances, MaxConcurrency: 3,
			Function: fn(func(_ context.Context, event []byte) ([]byte, error) {
				if string(event) == `"late"` {
					time.Sleep(5 * time.Second)
				}
				time.Sleep(time.Second)
				return event, nil
			}),
		})
		began := time.Now()
		done := make(chan *lambdahost.Result)
		for _, event := range []string{`"late"`, `1`, `2`} {
			go func() { done <- invoke(t, h, event) }()
		}
		synctest.Wait()
		if _, err := h.Invoke(t.Context(), nil); !errors.Is(err, lambdahost.ErrBusy) {
			t.Errorf("a fourth invocation: %v", err)
		}
		for range 2 {
			want(t, "error", (<-done).FunctionError, "")
			want(t, "time", time.Since(began), time.Second)
		}
		res := <-done
		wantError(t, res, "Sandbox.Timedout", "Task timed out after 3.00 seconds")
		want(t, "reset", res.Reset, "")

		// The code that was late goes on, and so does the environment.
		time.Sleep(4 * time.Second)
		again := invoke(t, h, `3`)
		want(t, "payload", string(again.Payload), `3`)
		want(t, "another INIT", again.InitDuration, 0)
	})
}

func TestACrashOnManagedInstancesFailsEveryInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), InitializationType: lambdahost.ManagedInstances, MaxConcurrency: 2,
			Function: fn(func(ctx context.Context, event []byte) ([]byte, error) {
				if string(event) == `"hang"` {
					<-ctx.Done()
				}
				return event, nil
			}),
			Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
				go func() { _ = listen(`"SHUTDOWN"`, note(new(journal)))(ctx, p) }()
				select {
				case <-leave:
					return errors.New("crash")
				case <-ctx.Done():
					return nil
				}
			})},
		})
		done := make(chan *lambdahost.Result)
		for range 2 {
			go func() { done <- invoke(t, h, `"hang"`) }()
		}
		synctest.Wait()
		leave <- struct{}{}
		for range 2 {
			wantError(t, <-done, "Extension.Crash", "exit code 1")
		}
		want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
	})
}

// credentials fetches what the credentials endpoint serves to p.
func credentials(ctx context.Context, p *lambdahost.Proc, token string) (answer, error) {
	return call(ctx, p, "GET /2021-04-23/credentials", "", "Authorization: "+token)
}

func TestSnapStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var h *lambdahost.Host
		h = start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), InitializationType: lambdahost.SnapStart,
			Credentials: lambdahost.Credentials{
				AccessKeyID: "AKIDBEFORE", SecretAccessKey: secret.NewText("s1"), SessionToken: secret.NewText("t1"),
			},
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				j.add("runtime initialized")
				if _, err := call(ctx, p, nextRestore, ""); err != nil {
					return err
				}
				j.add("runtime restored")
				time.Sleep(time.Second)
				p.Env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "" // its own part of the restore is done
				return lambdahost.Serve(func(ctx context.Context, _ []byte) ([]byte, error) {
					for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
						if _, ok := p.Env[name]; ok {
							t.Errorf("the environment has %s", name)
						}
					}
					want(t, "uri", p.Env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "http://"+h.Address()+"/2021-04-23/credentials")
					wrong, err := credentials(ctx, p, "wrong")
					if err != nil {
						return nil, err
					}
					want(t, "status for a wrong token", wrong.status, 404)
					a, err := credentials(ctx, p, p.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
					return []byte(a.body), err
				})(ctx, p)
			}),
			Extensions: []lambdahost.Extension{extension("x", listen(both, note(&j)))},
		})
		if err := h.Freeze(48 * time.Hour); err != nil {
			t.Fatal(err)
		}
		h.SetCredentials(lambdahost.Credentials{AccessKeyID: "AKIDAFTER", SecretAccessKey: secret.NewText("s2"), SessionToken: secret.NewText("t2")})

		res := invoke(t, h, `1`)
		want(t, "time of the restore", res.RestoreDuration, time.Second)
		want(t, "duration", res.Duration, 0)
		var got map[string]string
		if err := json.Unmarshal(res.Payload, &got); err != nil {
			t.Fatal(err)
		}
		expected := map[string]string{"AccessKeyId": "AKIDAFTER", "SecretAccessKey": "s2", "Token": "t2", "Expiration": "0001-01-01T00:00:00Z"}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"runtime initialized", "runtime restored", "x: INVOKE"}, j.read()); diff != "" {
			t.Error(diff)
		}
		want(t, "a second restore", invoke(t, h, `1`).RestoreDuration, 0)
	})
}

func TestRestoreWithoutHooks(t *testing.T) {
	t.Parallel()
	h := start(t, lambdahost.Config{InitializationType: lambdahost.SnapStart, Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		p.Env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "" // a runtime that does not know restore/next
		return lambdahost.Serve(echo)(ctx, p)
	})})
	if err := h.Restore(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
}

func TestAFailedRestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempt := 0
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), InitializationType: lambdahost.SnapStart,
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				attempt++
				switch attempt {
				case 1:
					if _, err := call(ctx, p, nextRestore, ""); err != nil {
						return err
					}
					a, err := call(ctx, p, "POST /2018-06-01/runtime/restore/error", `{"errorType":"Hook","errorMessage":"no"}`)
					if err == nil { // else it was killed before it had the answer
						want(t, "status", a.status, 202)
					}
					return err
				case 2:
					_, err := call(ctx, p, nextRestore, "")
					<-ctx.Done()
					return err
				}
				return lambdahost.Serve(echo)(ctx, p)
			}),
		})
		res := invoke(t, h, `1`)
		want(t, "payload", string(res.Payload), `{"errorType":"Hook","errorMessage":"no"}`)
		wantError(t, res, "Hook", "")

		if err := h.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		wantFailure(t, h.Restore(t.Context()), lambdahost.TypeTimedOut)
		want(t, "time", time.Since(began), 10*time.Second)
		want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
	})
}

func TestAFreezeMovesTheWallClockAndNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		fired := false
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Function: fn(echo),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(_ context.Context, p *lambdahost.Proc, e event) error {
				if at == nil {
					time.AfterFunc(time.Minute, func() { fired = true })
				}
				at = append(at, p.Clock.Now())
				if e.EventType == "INVOKE" {
					want(t, "the deadline", time.UnixMilli(e.DeadlineMs), p.Clock.Now().Add(3*time.Second).Truncate(time.Millisecond).Local())
				}
				return nil
			}))},
		})
		invoke(t, h, `1`)
		for _, slept := range []time.Duration{time.Hour, 30 * time.Minute} {
			if err := h.Freeze(slept); err != nil {
				t.Fatal(err)
			}
		}
		invoke(t, h, `1`)
		want(t, "wall time between", at[1].Sub(at[0]), 90*time.Minute)
		want(t, "a timer of one minute fired", fired, false)
		if err := h.Thaw(); err != nil {
			t.Error(err)
		}
		invoke(t, h, `1`)
		want(t, "wall time between", at[2].Sub(at[1]), 0)
	})
}

func TestTheWallClockHasNoMonotonicReading(t *testing.T) {
	t.Parallel()
	var c lambdahost.WallClock
	now := c.Now()
	want(t, "time", now, now.Round(0))
	c.Advance(time.Hour)
	if ahead := c.Now().Sub(now); ahead < time.Hour {
		t.Errorf("the clock is %v ahead", ahead)
	}
}

func TestEnvironmentVariables(t *testing.T) {
	t.Setenv("AWS_PROFILE", "the caller's")
	t.Setenv("CALLER", "its own")
	t.Setenv("PATH", "/the/path")
	seen := map[string]map[string]string{}
	h := start(t, lambdahost.Config{
		FunctionName: "shop", Handler: "main.handle", Region: "eu-west-1", MemoryMB: 512,
		Env:         map[string]string{"TABLE": "orders", "LANG": "C"},
		Credentials: lambdahost.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret.NewText("s"), SessionToken: secret.NewText("t")},
		Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
			seen["function"] = maps.Clone(p.Env)
			return lambdahost.Serve(echo)(ctx, p)
		}),
		Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
			seen["x"] = maps.Clone(p.Env)
			return listen(both, note(new(journal)))(ctx, p)
		})},
	})
	shared := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_LAMBDA_FUNCTION_NAME": "shop", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_RUNTIME_API": h.Address(), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
		"TZ": ":UTC", "LANG": "C", "PATH": "/the/path", "TABLE": "orders",
	}
	if diff := cmp.Diff(shared, seen["x"]); diff != "" {
		t.Error(diff)
	}
	maps.Copy(shared, map[string]string{
		"_HANDLER": "main.handle", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop", "AWS_LAMBDA_LOG_STREAM_NAME": seen["function"]["AWS_LAMBDA_LOG_STREAM_NAME"],
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "LAMBDA_TASK_ROOT": "", "LAMBDA_RUNTIME_DIR": "",
	})
	if diff := cmp.Diff(shared, seen["function"]); diff != "" {
		t.Error(diff)
	}
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	run := fn(echo)
	many := make([]lambdahost.Extension, lambdahost.MaxExtensions+1)
	for i := range many {
		many[i] = lambdahost.Extension{Name: fmt.Sprint(i), Process: run}
	}
	for name, cfg := range map[string]lambdahost.Config{
		"no function":              {},
		"two functions":            {Function: lambdahost.Process{Command: []string{"x"}, Program: run.Program}},
		"a nameless extension":     {Function: run, Extensions: []lambdahost.Extension{{Process: run}}},
		"an empty extension":       {Function: run, Extensions: []lambdahost.Extension{{Name: "x"}}},
		"two extensions of a name": {Function: run, Extensions: []lambdahost.Extension{{Name: "x", Process: run}, {Process: lambdahost.Process{Command: []string{"/opt/x"}}}}},
		"too many extensions":      {Function: run, Extensions: many},
		"a long timeout":           {Function: run, Timeout: 16 * time.Minute},
		"a negative limit":         {Function: run, MemoryMB: -1},
		"an unknown type":          {Function: run, InitializationType: "warm"},
		"a reserved name":          {Function: run, Env: map[string]string{"AWS_REGION": "x"}},
		"a credential":             {Function: run, InitializationType: lambdahost.SnapStart, Env: map[string]string{"AWS_SESSION_TOKEN": "x"}},
		"a bad name":               {Function: run, Env: map[string]string{"_X": "x"}},
		"a large environment":      {Function: run, Env: map[string]string{"XX": string(make([]byte, lambdahost.MaxEnvironment))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if h, err := lambdahost.New(cfg); err == nil {
				t.Error("no error")
				endWith(t, h)
			}
		})
	}
}
