// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// deaf makes a program ignore SIGTERM.
func deaf(p lambdahost.Program) lambdahost.Program {
	return func(ctx context.Context, proc *lambdahost.Proc) error {
		proc.Term = nil
		return p(ctx, proc)
	}
}

// withInternal makes a runtime register an internal extension first.
func withInternal(p lambdahost.Program) lambdahost.Program {
	return func(ctx context.Context, proc *lambdahost.Proc) error {
		a, err := call(ctx, proc, register, `{"events":[]}`, "Lambda-Extension-Name: inner")
		if err != nil {
			return err
		}
		go func() {
			_, _ = call(ctx, proc, next, "", "Lambda-Extension-Identifier: "+a.header.Get("Lambda-Extension-Identifier"))
		}()
		return p(ctx, proc)
	}
}

func TestWhatShutdownGrants(t *testing.T) {
	t.Parallel()
	obedient := lambdahost.Serve(echo)
	quick := func(context.Context, *lambdahost.Proc, event) error { return nil }
	stubborn := func(ctx context.Context, _ *lambdahost.Proc, e event) error {
		if e.EventType == "SHUTDOWN" {
			<-ctx.Done()
		}
		return nil
	}
	for _, c := range []struct {
		name      string
		runtime   lambdahost.Program
		extension lambdahost.Program
		want      time.Duration
	}{
		{"nothing without extensions", deaf(obedient), nil, 0},
		{"500 ms to a runtime with an internal extension", deaf(withInternal(obedient)), nil, 500 * time.Millisecond},
		{"300 ms to a runtime with an external extension", deaf(obedient), listen(both, quick), 300 * time.Millisecond},
		{"500 ms to a runtime with both", deaf(withInternal(obedient)), listen(both, quick), 500 * time.Millisecond},
		{"no time that is not needed", obedient, listen(both, quick), 0},
		{"2000 ms to an extension", obedient, listen(both, stubborn), 2 * time.Second},
		{"2000 ms to both together", deaf(obedient), listen(both, stubborn), 2 * time.Second},
		{"nothing to an extension without SHUTDOWN", obedient, listen(`"INVOKE"`, stubborn), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := lambdahost.Config{Listener: lambdahost.NewPipe(), Function: program(c.runtime)}
				if c.extension != nil {
					cfg.Extensions = []lambdahost.Extension{extension("x", c.extension)}
				}
				h := start(t, cfg)
				began := time.Now()
				if err := h.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				want(t, "time", time.Since(began), c.want)
			})
		})
	}
}

func TestADeafRuntimeIsKilledBeforeTheExtensionsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var killed, told time.Time
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				err := deaf(lambdahost.Serve(echo))(ctx, p)
				killed = time.Now()
				return err
			}),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(ctx context.Context, _ *lambdahost.Proc, _ event) error {
				told = time.Now()
				time.Sleep(time.Second)
				return nil
			}))},
		})
		began := time.Now()
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, "time of the kill", killed.Sub(began), 300*time.Millisecond)
		want(t, "time of the event", told.Sub(began), 300*time.Millisecond)
		want(t, "time", time.Since(began), 1300*time.Millisecond)
	})
}

func TestTheEndOfTheContextCutsShutdownShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Function: program(deaf(lambdahost.Serve(echo))),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(ctx context.Context, _ *lambdahost.Proc, _ event) error {
				<-ctx.Done()
				return nil
			}))},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := h.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		want(t, "time", time.Since(began), 100*time.Millisecond)
	})
}

func TestTheRuntimeEndsBeforeTheExtensionsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var left time.Duration
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				err := lambdahost.Serve(echo)(ctx, p)
				time.Sleep(200 * time.Millisecond)
				j.add("runtime ends")
				return err
			}),
			Extensions: []lambdahost.Extension{extension("x", listen(both, func(ctx context.Context, p *lambdahost.Proc, e event) error {
				left = time.UnixMilli(e.DeadlineMs).Sub(p.Clock.Now())
				return note(&j)(ctx, p, e)
			}))},
		})
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"runtime ends", "x: SHUTDOWNspindown"}, j.read()); diff != "" {
			t.Error(diff)
		}
		want(t, "time left", left, 1800*time.Millisecond)
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error("a second time:", err)
		}
	})
}

func TestAProgramThatDoesNotEndIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h, err := lambdahost.Start(t.Context(), lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				_ = lambdahost.Serve(echo)(ctx, p)
				<-release
				return nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Shutdown(t.Context()); err == nil {
			t.Error("no error")
		}
		close(release)
	})
}
