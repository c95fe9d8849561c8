// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// wrong are functions that don't rotate, by why it is recorded that they did not.
var wrong = map[string]func(rotator) function{
	"Lambda " + functionARN + " took all steps, and version " + token(1) + " is not AWSCURRENT": func(rotator) function {
		return func(context.Context, event) error { return nil }
	},
	failedAt("createSecret", "the function failed: DatabaseError"): func(r rotator) function { return r.failing("createSecret") },
	failedAt("setSecret", "the function failed: DatabaseError"):    func(r rotator) function { return r.failing("setSecret") },
	failedAt("testSecret", "the function failed: DatabaseError"):   func(r rotator) function { return r.failing("testSecret") },
	failedAt("finishSecret", "the function failed: DatabaseError"): func(r rotator) function { return r.failing("finishSecret") },
	failedAt("setSecret", "the function could not be run"): func(r rotator) function {
		return func(ctx context.Context, e event) error {
			if e.Step == "setSecret" {
				panic(canary)
			}
			return r.rotate(ctx, e)
		}
	},
	// It makes a version current that has no value.
	failedAt("finishSecret", "operation error Secrets Manager: UpdateSecretVersionStage"): func(r rotator) function {
		return func(ctx context.Context, e event) error {
			if e.Step != "finishSecret" {
				return nil
			}
			err := r.rotate(ctx, e)
			if !strings.Contains(fault(err), "can't find the specified secret value for VersionId: "+e.ClientRequestToken) {
				return errors.New("an empty version became the current one")
			}
			return errors.New("operation error Secrets Manager: UpdateSecretVersionStage")
		}
	},
	failedAt("setSecret", strings.Repeat("x", 256)): func(rotator) function {
		return func(_ context.Context, e event) error {
			if e.Step == "setSecret" {
				return errors.New(strings.Repeat("x", 300))
			}
			return nil
		}
	},
}

func failedAt(step, reason string) string {
	return "Error when executing lambda " + functionARN + " during " + step + " step: " + reason
}

// TestAFunctionThatFails leaves the secret as it was, is tried again from the first step, and
// succeeds when it is mended.
func TestAFunctionThatFails(t *testing.T) {
	t.Parallel()
	for why, make := range wrong {
		t.Run(why[:min(len(why), 120)], func(t *testing.T) {
			t.Parallel()
			w, r := rotated(t)
			w.lambda.set(functionARN, make(r))
			w.rotate(daily(1))
			w.Settle()
			if w.value("db") != canary || w.describe("db").LastRotatedDate != nil {
				t.Error("a rotation that failed left its mark")
			}
			_, err := w.RotateSecret(w.ctx, daily(2))
			wantFault(t, err, "InvalidRequestException: A previous rotation isn't complete. That rotation will be reattempted.")

			w.lambda.asked()
			w.lambda.set(functionARN, r.rotate)
			w.Clock.Advance(time.Minute - 1)
			w.Settle()
			if n := len(w.lambda.asked()); n != 0 {
				t.Errorf("%d steps were taken before the pause was over", n)
			}
			w.Clock.Advance(1)
			w.Settle()
			if diff := cmp.Diff(allSteps, steps(w.lambda.asked())); diff != "" {
				t.Errorf("steps of the second try:\n%s", diff)
			}
			if w.value("db") != canary+"!" {
				t.Error("the mended function did not rotate")
			}
			w.wantEvents("RotationStarted", "RotationFailed: "+why, "RotationStarted", "RotationSucceeded")
		})
	}
}

// TestARotationIsGivenUp after five tries, and taken up with the same version in the next
// window, which for a rate in days then is the next day's.
func TestARotationIsGivenUp(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, r.failing("setSecret"))
	w.rotate(daily(1))
	for range 20 {
		w.Settle()
		w.Clock.Advance(time.Minute)
	}
	if got := len(w.lambda.asked()); got != 5*2 {
		t.Errorf("%d steps were taken", got)
	}
	due := w.describe("db").NextRotationDate
	w.Clock.Advance(at(24, 0).Sub(w.Clock.Now())) // the window's first hour
	for range 20 {
		w.Settle()
		w.Clock.Advance(time.Minute)
	}
	if got := len(w.lambda.asked()); got != 5*2 {
		t.Errorf("%d steps were taken in the window", got)
	}
	w.Clock.Advance(10 * time.Hour)
	w.Settle()
	if got := len(w.lambda.asked()); got != 0 {
		t.Errorf("%d steps were taken when the rotation had been given up", got)
	}
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(at(25, 0).Sub(w.Clock.Now()))
	if got := w.describe("db"); !got.NextRotationDate.Equal(*due) {
		t.Errorf("NextRotationDate is %v, and was %v", got.NextRotationDate, due)
	}
	w.Settle()
	if asked := w.lambda.asked(); len(asked) != 4 || asked[0].ClientRequestToken != token(1) {
		t.Errorf("the function was asked %+v", asked)
	}
	if w.value("db") != canary+"!" {
		t.Error("the mended function did not rotate")
	}
}

// TestAFunctionThatTakesItsLabelAway has no version to go on with.
func TestAFunctionThatTakesItsLabelAway(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	old := *w.list("db")[0].VersionId
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.Step != "finishSecret" {
			return r.rotate(ctx, e)
		}
		_, err := r.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &e.SecretId, VersionStage: new("AWSPENDING"), RemoveFromVersionId: &e.ClientRequestToken,
		})
		return err
	})
	w.rotate(daily(1))
	w.Settle()
	w.wantStages(map[string][]string{old: {"AWSCURRENT"}})
	w.lambda.asked()
	w.Clock.Advance(at(24, 0).Sub(w.Clock.Now()))
	for range 30 { // of the window, in which it is not tried for ever
		w.Settle()
		w.Clock.Advance(time.Minute)
	}
	if got := len(w.lambda.asked()); got != 4 {
		t.Errorf("%d steps were taken in the window", got)
	}
	w.lambda.set(functionARN, r.rotate)
	w.rotate(daily(2))
	w.Settle()
	w.Clock.Advance(time.Hour)
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("another rotation was not made")
	}
	events := w.events()
	if len(events) != 6 {
		t.Fatalf("events: %q", events)
	}
	if diff := cmp.Diff([]string{"RotationStarted", "RotationFailed: Lambda " + functionARN + " took all steps, and version " + token(1) + " is not AWSCURRENT"}, events[:2]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"RotationStarted", "RotationSucceeded"}, events[4:]); diff != "" {
		t.Error(diff)
	}
}

// TestTriesEndWithTheWindow that a rotation was begun in.
func TestTriesEndWithTheWindow(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	in := daily(1)
	in.RotationRules = &types.RotationRulesType{ScheduleExpression: new("cron(0 12 * * ? *)"), Duration: new("1h")}
	in.RotateImmediately = new(false)
	w.rotate(in)
	w.Settle()
	w.lambda.asked()
	w.lambda.set(functionARN, r.failing("setSecret"))
	w.Clock.Advance(at(14, 12).Add(-2 * time.Minute).Sub(w.Clock.Now())) // the server was down until then
	for range 20 {
		w.Settle()
		w.Clock.Advance(time.Minute)
	}
	if got := len(w.lambda.asked()); got != 2*2 {
		t.Errorf("%d steps were taken", got)
	}
}

// TestAWindowThatOpensDuringARotation has no other one begin.
func TestAWindowThatOpensDuringARotation(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, r.failing("setSecret"))
	w.Clock.Advance(at(14, 23).Add(-5 * time.Minute).Sub(w.Clock.Now()))
	in := daily(1)
	in.RotationRules.AutomaticallyAfterDays = new(int64(1))
	w.rotate(in)
	for range 60 {
		w.Settle()
		w.Clock.Advance(time.Minute)
	}
	if got := len(w.lambda.asked()); got != 5*2 {
		t.Errorf("%d steps were taken", got)
	}
	w.Clock.Advance(24 * time.Hour)
	w.lambda.set(functionARN, r.rotate)
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated in the next window")
	}
}

// TestAJobThatIsDoneTwice, because nobody noted that it was done.
func TestAJobThatIsDoneTwice(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, r.failing("createSecret"))
	in := daily(1)
	in.RotationRules = nil
	w.rotate(in)
	var payload []byte
	if _, err := w.Store.View(w.ctx, func(reader kv.Reader) (err error) {
		payload, err = reader.Get(w.waiting()[0])
		return err
	}); err != nil {
		t.Fatal(err)
	}
	again := func() {
		if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error {
			return jobs.Enqueue(tx, "sm-rotate", w.Clock.Now(), payload)
		}); err != nil {
			t.Fatal(err)
		}
		w.Settle()
	}
	w.Settle()
	again()
	if got := len(w.lambda.asked()); got != 1 {
		t.Errorf("%d steps were taken before the second try was due", got)
	}
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(time.Minute)
	w.Settle()
	again()
	if got := len(w.lambda.asked()); got != 4 {
		t.Errorf("%d steps were taken", got)
	}
}

// TestAnUnknownFunction is one that the configuration had when the rotation began.
func TestAnUnknownFunction(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	w.rotate(daily(1))
	w.lambda.set(functionARN, nil)
	w.Settle()
	w.wantEvents("RotationStarted", "RotationFailed: "+failedAt("createSecret", "unknown function"))
}

// TestNothingOfAFunctionIsRecorded but the type of its error.
func TestNothingOfAFunctionIsRecorded(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, r.rotate)
	w.rotate(daily(1))
	w.Settle()
	proof := w.lambda.asked()[0].RotationToken
	for _, record := range w.Records() {
		for _, secret := range []string{canary, proof} {
			if strings.Contains(string(record.Line), secret) {
				t.Errorf("%s is in the record of %s", secret, record.EventName)
			}
		}
	}
	if got := w.describe("db"); slices.Contains([]string{*got.ARN}, proof) {
		t.Error("the token is shown")
	}
}
