// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// parkAndLeave asks for something, as at the end of INIT, and hangs up on it.
func parkAndLeave(ctx context.Context, p *lambdahost.Proc, request, header string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, _ = call(ctx, p, request, "", header)
}

func TestAnEventWaitsForAnExtensionThatIsNotAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Function: fn(echo),
			Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
				a, err := call(ctx, p, register, `{"events":[`+both+`]}`, "Lambda-Extension-Name: x")
				if err != nil {
					return err
				}
				id := "Lambda-Extension-Identifier: " + a.header.Get("Lambda-Extension-Identifier")
				parkAndLeave(ctx, p, next, id)
				for _, pause := range []time.Duration{2 * time.Second, time.Second, 3100 * time.Millisecond} {
					time.Sleep(pause)
					if a, err = call(ctx, p, next, "", id); err != nil {
						return err
					}
					_, kind, _ := strings.Cut(a.body, `"eventType":"`)
					got = append(got, kind[:6])
				}
				return nil
			})},
		})
		time.Sleep(1500 * time.Millisecond) // the extension has hung up, and asks again in 1.5 s
		res := invoke(t, h, `1`)
		want(t, "duration, until it had taken the event and asked again", res.Duration, 2500*time.Millisecond)

		// The second event finds it asking. It is late then: the third thing that it
		// gets is SHUTDOWN, and no event of an invocation that is over.
		res = invoke(t, h, `2`)
		want(t, "payload", string(res.Payload), `2`)
		want(t, "reset", res.Reset, "timeout")
		if diff := cmp.Diff([]string{"INVOKE", "INVOKE", "SHUTDO"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnUndeliveredEventDoesNotOutliveItsInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got answer
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Function: fn(echo),
			Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
				a, err := call(ctx, p, register, `{"events":[`+both+`]}`, "Lambda-Extension-Name: x")
				if err != nil {
					return err
				}
				id := "Lambda-Extension-Identifier: " + a.header.Get("Lambda-Extension-Identifier")
				parkAndLeave(ctx, p, next, id)
				time.Sleep(5 * time.Second)
				got, err = call(ctx, p, next, "", id)
				return err
			})},
		})
		time.Sleep(2500 * time.Millisecond)
		want(t, "reset", invoke(t, h, `1`).Reset, "timeout")
		if !strings.Contains(got.body, `"eventType":"SHUTDOWN"`) {
			t.Errorf("the extension got %q", got.body)
		}
	})
}

func TestAnInvocationWaitsForARuntimeThatIsNotAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				parkAndLeave(ctx, p, nextInvocation, "X: y")
				time.Sleep(time.Second)
				a, err := call(ctx, p, nextInvocation, "")
				if err != nil {
					return err
				}
				id := a.header.Get("Lambda-Runtime-Aws-Request-Id")
				if _, err := call(ctx, p, postInvocation(id, "response"), a.body); err != nil {
					return err
				}
				time.Sleep(time.Second)
				_, err = call(ctx, p, nextInvocation, "")
				return err
			}),
		})
		time.Sleep(1500 * time.Millisecond)
		res := invoke(t, h, `1`)
		want(t, "payload", string(res.Payload), `1`)
		want(t, "duration", res.Duration, 1500*time.Millisecond)
	})
}

func TestAColdStartsInitIsNotInTheDuration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := create(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(),
			Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				time.Sleep(2 * time.Second)
				return lambdahost.Serve(func(ctx context.Context, event []byte) ([]byte, error) {
					deadline, _ := ctx.Deadline()
					want(t, "time left", time.Until(deadline).Round(time.Second), 3*time.Second)
					time.Sleep(2 * time.Second)
					return event, nil
				})(ctx, p)
			}),
		})
		res := invoke(t, h, `1`)
		want(t, "payload", string(res.Payload), `1`)
		want(t, "INIT", res.InitDuration, 2*time.Second)
		want(t, "duration", res.Duration, 2*time.Second)
		want(t, "INIT of the second", invoke(t, h, `1`).InitDuration, 0)
	})
}

func TestAnExitBetweenInvocationsDoesNotFailTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		h := start(t, lambdahost.Config{
			Listener: lambdahost.NewPipe(), Function: fn(echo),
			Extensions: []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				listening := make(chan error, 1)
				go func() { listening <- listen(both, note(new(journal)))(ctx, p) }()
				select {
				case <-leave:
					return nil
				case err := <-listening:
					return err
				}
			})},
		})
		invoke(t, h, `1`)
		leave <- struct{}{}
		synctest.Wait()
		res := invoke(t, h, `2`)
		want(t, "payload", string(res.Payload), `2`)
		want(t, "error", res.FunctionError, "")
	})
}
