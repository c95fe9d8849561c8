// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

func TestExtensionsStartBeforeTheRuntimeAndInitWaitsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		registering, asking := make(chan struct{}), make(chan struct{})
		cfg := lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				j.add("runtime started")
				return lambdahost.Serve(echo)(ctx, p)
			}),
			Extensions: []lambdahost.Extension{
				extension("quick", listen(both, note(&j))),
				extension("slow", func(ctx context.Context, p *lambdahost.Proc) error {
					<-registering
					j.add("slow registers")
					a, err := call(ctx, p, register, `{"events":["SHUTDOWN"]}`, "Lambda-Extension-Name: slow")
					if err != nil {
						return err
					}
					<-asking
					j.add("slow asks")
					_, err = call(ctx, p, next, "", "Lambda-Extension-Identifier: "+a.header.Get("Lambda-Extension-Identifier"))
					return err
				}),
			},
		}
		h := create(t, cfg)
		done := make(chan error)
		go func() { done <- h.Init(t.Context()) }()

		synctest.Wait()
		if j.has("runtime started") {
			t.Error("the runtime was started before every extension had registered")
		}
		close(registering)
		synctest.Wait()
		if !j.has("runtime started") {
			t.Error("the runtime was not started when every extension had registered")
		}
		select {
		case <-done:
			t.Error("INIT ended before every extension had asked for an event")
		default:
		}
		close(asking)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"slow registers", "runtime started", "slow asks"}, j.read()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestInitHasTenSecondsAndIsTriedAgainInTheInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		slow := true
		h := create(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				if slow {
					<-p.Term
					return nil
				}
				return lambdahost.Serve(echo)(ctx, p)
			}),
			Extensions: []lambdahost.Extension{extension("x", listen(both, note(&j)))},
		})
		began := time.Now()
		wantFailure(t, h.Init(t.Context()), lambdahost.TypeTimedOut)
		want(t, "time", time.Since(began), 10*time.Second)
		want(t, "shutdown", j.has("x: SHUTDOWNtimeout"), true)

		began = time.Now()
		res := invoke(t, h, `1`)
		wantError(t, res, lambdahost.TypeTimedOut, "Task timed out after 3.00 seconds")
		want(t, "time of INIT within an invocation", time.Since(began), 3*time.Second)

		slow = false
		want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
	})
}

func TestOtherInitializationTypesHaveMoreTimeForInit(t *testing.T) {
	t.Parallel()
	for kind, limit := range map[lambdahost.InitializationType]time.Duration{
		lambdahost.OnDemand:               10 * time.Second,
		lambdahost.ProvisionedConcurrency: 130 * time.Second,
		lambdahost.SnapStart:              130 * time.Second,
		lambdahost.ManagedInstances:       130 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := lambdahost.Start(t.Context(), lambdahost.Config{
				Listener:           lambdahost.NewPipe(),
				InitializationType: kind,
				Function:           program(func(ctx context.Context, _ *lambdahost.Proc) error { <-ctx.Done(); return nil }),
			})
			wantFailure(t, err, lambdahost.TypeTimedOut)
			want(t, "limit of "+string(kind), time.Since(began), limit)
		})
	}
}

func TestAFailedInitFailsTheEnvironment(t *testing.T) {
	t.Parallel()
	report := func(request, errorType string) lambdahost.Program {
		return func(ctx context.Context, p *lambdahost.Proc) error {
			a, err := call(ctx, p, register, `{"events":[]}`, "Lambda-Extension-Name: "+p.Name)
			if err != nil {
				return err
			}
			id := "Lambda-Extension-Identifier: " + a.header.Get("Lambda-Extension-Identifier")
			if a, err = call(ctx, p, request, `{}`, id, "Lambda-Extension-Function-Error-Type: "+errorType); err != nil {
				return err
			}
			want(t, "status", a.status, 202)
			a, err = call(ctx, p, next, "", id)
			if err == nil {
				want(t, "a call after the report", a.errorType(), "Extension.InvalidExtensionState")
			}
			return nil
		}
	}
	for _, c := range []struct {
		name      string
		extension lambdahost.Program
		function  lambdahost.Program
		want      string
	}{
		{"an extension exits with an error", func(context.Context, *lambdahost.Proc) error { return errors.New("no") }, nil, "Extension.Crash"},
		{"an extension exits without one", func(context.Context, *lambdahost.Proc) error { return nil }, nil, "Extension.Crash"},
		{"an extension reports init/error", report(initErr, "Fatal.Config"), nil, "Extension.InitError"},
		{"an extension reports exit/error", report(exitErr, "Fatal.Config"), nil, "Extension.ExitError"},
		{"the runtime exits", nil, func(context.Context, *lambdahost.Proc) error { return nil }, "Runtime.ExitError"},
		{"the runtime reports init/error", nil, func(ctx context.Context, p *lambdahost.Proc) error {
			a, err := call(ctx, p, "POST /2018-06-01/runtime/init/error", `{"errorType":"Function.NoModule","errorMessage":"gone"}`)
			if err == nil { // else it was killed before it had the answer
				want(t, "status", a.status, 202)
			}
			return err
		}, "Function.NoModule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var j journal
			cfg := lambdahost.Config{
				Function:   fn(echo),
				Extensions: []lambdahost.Extension{extension("witness", listen(both, note(&j)))},
			}
			if c.function != nil {
				cfg.Function.Program = c.function
			}
			if c.extension != nil {
				cfg.Extensions = append(cfg.Extensions, extension("x", c.extension))
			}
			_, err := lambdahost.Start(t.Context(), patient(cfg))
			wantFailure(t, err, c.want)
			if c.function != nil { // else the witness may not have registered yet
				want(t, "shutdown", j.has("witness: SHUTDOWNfailure"), true)
			}
		})
	}
}

func TestAnInitErrorIsTheInvocationsError(t *testing.T) {
	t.Parallel()
	h := create(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		_, err := call(ctx, p, "POST /2018-06-01/runtime/init/error", `{"errorType":"Function.NoModule","errorMessage":"gone"}`)
		return err
	})})
	res := invoke(t, h, `1`)
	wantError(t, res, "Function.NoModule", "")
	want(t, "payload", string(res.Payload), `{"errorType":"Function.NoModule","errorMessage":"gone"}`)
	want(t, "reset", res.Reset, "failure")
}

func TestTheEndOfTheContextAbortsInit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := lambdahost.Start(ctx, lambdahost.Config{
		Function: program(func(ctx context.Context, _ *lambdahost.Proc) error { cancel(); <-ctx.Done(); return nil }),
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}
