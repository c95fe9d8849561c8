// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

// TestAServerThatStopsDuringAStep makes the try again when it has started, as if it had
// failed, and as often as it stops.
func TestAServerThatStopsDuringAStep(t *testing.T) {
	t.Parallel()
	for _, at := range allSteps {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w, r := rotated(t)
			w.rotate(daily(1))
			for range 6 { // more often than a rotation is tried
				entered := make(chan struct{})
				w.lambda.set(functionARN, func(ctx context.Context, e event) error {
					if e.Step != at {
						return r.rotate(ctx, e)
					}
					err := r.rotate(ctx, e) // which succeeds, and nobody learns of it
					close(entered)
					<-ctx.Done()
					return err
				})
				w.SettleUntil(entered)
				w.Restart()
			}
			w.lambda.asked()
			w.lambda.set(functionARN, r.rotate)
			w.Settle()
			if diff := cmp.Diff(allSteps, steps(w.lambda.asked())); diff != "" {
				t.Errorf("steps:\n%s", diff)
			}
			if w.value("db") != canary+"!" || len(w.list("db")) != 2 {
				t.Error("the secret was not rotated once")
			}
			events := w.events()
			if n := len(events); n != 8 || events[n-1] != "RotationSucceeded" || events[n-2] != "RotationStarted" {
				t.Errorf("events: %q", events)
			}
		})
	}
}

// TestOneRotationAtATime: a function that still runs for a rotation that was canceled is not
// run for the next one.
func TestOneRotationAtATime(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.create("other", canary)
	entered, proceed, others, second := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	over := false
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.ClientRequestToken == token(1) {
			close(entered)
			<-proceed
			over = true
			return r.rotate(ctx, e)
		}
		if !over {
			t.Error("two rotations of a secret at a time")
		}
		if e.Step == "finishSecret" {
			defer close(second)
		}
		return r.rotate(ctx, e)
	})
	w.lambda.set(otherARN, func(ctx context.Context, e event) error {
		if e.Step == "finishSecret" {
			defer close(others)
		}
		return r.rotate(ctx, e)
	})
	w.rotate(daily(1))
	worker := w.Work()
	<-entered
	w.cancel()
	w.unpend(token(1))
	w.rotate(daily(2))
	in := daily(3)
	in.SecretId, in.RotationLambdaARN = new("other"), new(otherARN)
	w.rotate(in)
	<-others // does not wait for the function of another secret
	close(proceed)
	<-second
	if err := worker.Close(); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated")
	}
}

// TestWindowsThatPassed while the server was down are made up for: in the open window if
// there is one, or the next that opens.
func TestWindowsThatPassed(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for name, is := range map[string]struct {
		rules types.RotationRulesType
		down  time.Duration // from 09:26 on the 14th
		waits time.Duration // until the secret is rotated, after the server is up
	}{
		"within the window":        {types.RotationRulesType{AutomaticallyAfterDays: new(int64(1))}, 30 * hour, 0},
		"a day of ten was missed":  {types.RotationRulesType{AutomaticallyAfterDays: new(int64(10))}, 11*24*hour + 5*hour, 0},
		"the hours of a day":       {types.RotationRulesType{AutomaticallyAfterDays: new(int64(10)), Duration: new("2h")}, 11 * 24 * hour, 15 * hour},
		"hours":                    {types.RotationRulesType{ScheduleExpression: new("rate(6 hours)")}, 8 * hour, 4 * hour},
		"a night of each month":    {types.RotationRulesType{ScheduleExpression: new("cron(0 2 20 * ? *)"), Duration: new("3h")}, 8 * 24 * hour, 29*24*hour - 7*hour},
		"the night is not over":    {types.RotationRulesType{ScheduleExpression: new("cron(0 8 20 * ? *)"), Duration: new("3h")}, 6 * 24 * hour, 0},
		"nothing of it was missed": {types.RotationRulesType{ScheduleExpression: new("cron(0 8 20 * ? *)"), Duration: new("3h")}, 5 * 24 * hour, 23 * hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := rotated(t)
			w.rotate(&secretsmanager.RotateSecretInput{
				SecretId: new("db"), RotationLambdaARN: new(functionARN), RotationRules: &is.rules, RotateImmediately: new(false),
			})
			w.Settle()
			w.lambda.asked()
			w.Clock.Advance(is.down)
			w.Restart()
			for n := time.Duration(0); n <= is.waits; n += hour {
				if asked := w.lambda.asked(); len(asked) != 0 {
					t.Fatalf("after %v the function was asked %+v", n, asked)
				}
				w.Settle()
				w.Clock.Advance(hour)
			}
			if n := len(w.lambda.asked()); n != 4 {
				t.Errorf("%d steps were taken in the window", n)
			}
			for range 3 {
				w.Settle()
				w.Clock.Advance(hour)
			}
			if n := len(w.lambda.asked()); n != 0 {
				t.Errorf("%d more steps were taken", n)
			}
		})
	}
}

// TestAClockThatIsSetBack after a plan was made does not have a secret rotated before its
// window, nor twice in it.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	in := daily(1)
	in.RotationRules = &types.RotationRulesType{ScheduleExpression: new("cron(0 12 * * ? *)"), Duration: new("2h")}
	in.RotateImmediately = new(false)
	w.rotate(in)
	w.Settle()
	w.lambda.asked()
	w.Clock.Advance(at(14, 12).Sub(w.Clock.Now()))
	w.Settle()
	if n := len(w.lambda.asked()); n != 4 {
		t.Errorf("%d steps were taken in the window", n)
	}
	w.Clock.Advance(-2 * time.Hour)
	for range 4 {
		w.Settle()
		w.Clock.Advance(time.Hour)
	}
	if n := len(w.lambda.asked()); n != 0 {
		t.Errorf("%d more steps were taken", n)
	}
	w.Clock.Advance(at(15, 12).Sub(w.Clock.Now()))
	w.Settle()
	if n := len(w.lambda.asked()); n != 4 {
		t.Errorf("%d steps were taken in the next window", n)
	}
}
