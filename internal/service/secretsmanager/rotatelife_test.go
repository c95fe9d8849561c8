// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) cancel() *string {
	w.t.Helper()
	out, err := w.CancelRotateSecret(w.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: new("db")})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.VersionId
}

// unpend takes AWSPENDING off a version, as the documentation advises after a cancellation.
func (w *world) unpend(version string) {
	w.t.Helper()
	if _, err := w.UpdateSecretVersionStage(w.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: new("db"), VersionStage: new("AWSPENDING"), RemoveFromVersionId: &version,
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestCancelRotateSecret(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	if id := w.cancel(); id != nil || w.describe("db").RotationEnabled != nil {
		t.Error("a secret that never was configured for rotation has one")
	}
	w.rotate(daily(1))
	w.Settle()
	if id := w.cancel(); id != nil {
		t.Errorf("VersionId %s, and no rotation is under way", *id)
	}
	w.cancel() // once more is no error
	got := w.describe("db")
	if *got.RotationEnabled || got.LastRotatedDate != nil || got.NextRotationDate != nil {
		t.Errorf("after the cancellation: %+v", got)
	}
	if *got.RotationLambdaARN != functionARN || *got.RotationRules.AutomaticallyAfterDays != 10 {
		t.Error("what was configured is gone")
	}
	w.lambda.asked()
	w.Clock.Advance(11 * 24 * time.Hour)
	w.Settle()
	if asked := w.lambda.asked(); len(asked) != 0 {
		t.Errorf("the function was asked %+v", asked)
	}
	w.put("db", canary+"!")
	if jobs := w.waiting(); len(jobs) != 0 {
		t.Errorf("jobs wait: %q", jobs)
	}
	w.rotate(&secretsmanager.RotateSecretInput{SecretId: new("db")}) // with what was configured
	w.Settle()
	if got := w.describe("db"); w.value("db") != canary+"!!" || !*got.RotationEnabled || !got.NextRotationDate.Equal(at(35, 23)) {
		t.Errorf("after rotation was turned on again: %+v", got)
	}
}

// TestCancelingWhatIsUnderWay: the step goes on to its end, and nobody takes the next.
func TestCancelingWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	old := *w.list("db")[0].VersionId
	var canceled *string
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.Step == "setSecret" {
			canceled = w.cancel()
			return nil
		}
		return r.rotate(ctx, e)
	})
	w.rotate(daily(1))
	w.Settle()
	if canceled == nil || *canceled != token(1) {
		t.Errorf("VersionId %v", canceled)
	}
	if diff := cmp.Diff([]string{"createSecret", "setSecret"}, steps(w.lambda.asked())); diff != "" {
		t.Errorf("steps:\n%s", diff)
	}
	w.wantStages(map[string][]string{old: {"AWSCURRENT"}, token(1): {"AWSPENDING"}})
	w.lambda.set(functionARN, r.rotate)
	_, err := w.RotateSecret(w.ctx, daily(2))
	wantFault(t, err, "InvalidRequestException: A previous rotation isn't complete. That rotation will be reattempted.")
	w.unpend(token(1))
	w.rotate(daily(2))
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated")
	}
}

// TestAnEmptyVersionIsNotKept when its label is taken away, and the token may be used again.
func TestAnEmptyVersionIsNotKept(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	w.rotate(daily(1))
	if listed := w.list("db"); len(listed) != 2 || len(listed[1].KmsKeyIds) != 0 {
		t.Errorf("versions: %+v", listed)
	}
	for _, stage := range []string{"AWSCURRENT", "blue"} {
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: new("db"), VersionStage: &stage, MoveToVersionId: new(token(1))}
		if stage == "AWSCURRENT" {
			in.RemoveFromVersionId = w.list("db")[0].VersionId
		}
		_, err := w.UpdateSecretVersionStage(w.ctx, in)
		wantFault(t, err, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: "+token(1))
	}
	if err := w.useKey("db", w.newKey()); err != nil { // which encrypts what is there anew
		t.Error(err)
	}
	w.cancel()
	w.unpend(token(1))
	if listed := w.list("db"); len(listed) != 1 {
		t.Errorf("versions: %+v", listed)
	}
	w.Settle() // the try that is not wanted any more
	if asked := w.lambda.asked(); len(asked) != 0 {
		t.Errorf("the function was asked %+v", asked)
	}
}

// TestAValueThatIsPutInByHand ends a rotation, and counts as one.
func TestAValueThatIsPutInByHand(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(*world, *string) error{
		"PutSecretValue": func(w *world, id *string) error {
			_, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db"), SecretString: new("mine"), ClientRequestToken: id})
			return err
		},
		"UpdateSecret": func(w *world, id *string) error {
			_, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("db"), SecretString: new("mine"), ClientRequestToken: id})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := rotated(t)
			old := *w.list("db")[0].VersionId
			w.lambda.set(functionARN, r.failing("setSecret"))
			w.rotate(daily(1))
			w.Settle()
			w.Clock.Advance(3 * 24 * time.Hour)
			if err := put(w, new(token(2))); err != nil {
				t.Fatal(err)
			}
			w.wantStages(map[string][]string{old: {"AWSPREVIOUS"}, token(2): {"AWSCURRENT"}})
			if next := w.describe("db").NextRotationDate; !next.Equal(at(27, 23)) {
				t.Errorf("NextRotationDate is %v", next)
			}
			w.lambda.asked()
			w.Clock.Advance(at(24, 0).Sub(w.Clock.Now())) // when the rotation was due before
			w.Settle()
			if asked := w.lambda.asked(); len(asked) != 0 {
				t.Errorf("the function was asked %+v", asked)
			}
			w.lambda.set(functionARN, r.rotate)
			w.Clock.Advance(3 * 24 * time.Hour)
			w.Settle()
			if w.value("db") != "mine!" {
				t.Error("the secret was not rotated in its window")
			}
			w.wantEvents("RotationStarted", "RotationFailed: "+failedAt("setSecret", "the function failed: DatabaseError"), "RotationAbandoned",
				"RotationStarted", "RotationSucceeded")
		})
	}
}

// TestAFunctionOfOneStep puts its value in as the current one at once.
func TestAFunctionOfOneStep(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	old := *w.list("db")[0].VersionId
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.Step != "createSecret" {
			return nil
		}
		_, err := r.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken, SecretString: new("new")})
		return err
	})
	w.rotate(daily(1))
	w.Settle()
	w.wantStages(map[string][]string{old: {"AWSPREVIOUS"}, token(1): {"AWSCURRENT", "AWSPENDING"}})
	w.wantEvents("RotationStarted", "RotationSucceeded")
}

// TestATestOfTheFunction is what RotateImmediately=false asks for.
func TestATestOfTheFunction(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	old := *w.list("db")[0].VersionId
	seen := ""
	w.lambda.set(functionARN, func(ctx context.Context, e event) (err error) {
		seen, err = r.pending(ctx, e)
		if seen == canary && e.ClientRequestToken == token(2) {
			err = errors.New("wrong password")
		}
		return err
	})
	for n := 1; n <= 2; n++ {
		in := daily(n)
		in.RotateImmediately = new(false)
		w.rotate(in)
		w.wantStages(map[string][]string{old: {"AWSCURRENT"}, token(n): {"AWSPENDING"}})
		w.Settle()
		w.wantStages(map[string][]string{old: {"AWSCURRENT"}})
	}
	if seen != canary {
		t.Error("the version of the test has another value")
	}
	if diff := cmp.Diff([]string{"testSecret", "testSecret"}, steps(w.lambda.asked())); diff != "" {
		t.Errorf("steps:\n%s", diff)
	}
	if got := w.describe("db"); !*got.RotationEnabled || got.LastRotatedDate != nil || !got.NextRotationDate.Equal(at(24, 23)) {
		t.Errorf("after the test: %+v", got)
	}
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(at(24, 0).Sub(w.Clock.Now()))
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated in its window")
	}
	w.wantEvents("TestRotationStarted", "TestRotationSucceeded", "TestRotationStarted",
		"TestRotationFailed: "+failedAt("testSecret", "wrong password"), "RotationStarted", "RotationSucceeded")
	in := daily(3)
	in.RotateImmediately = new(false)
	w.rotate(in)
	if id := w.cancel(); id != nil || len(w.describe("db").VersionIdsToStages) != 2 {
		t.Error("the version of a test outlived its cancellation")
	}
}

// TestDeletionDuringARotation ends it, and what it made is taken up after the restoration.
func TestDeletionDuringARotation(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.Step == "setSecret" {
			if _, err := w.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &e.SecretId}); err != nil {
				return err
			}
		}
		return r.rotate(ctx, e)
	})
	w.rotate(daily(1))
	w.Settle()
	w.lambda.asked()
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(11 * 24 * time.Hour)
	w.Settle()
	if asked := w.lambda.asked(); len(asked) != 0 {
		t.Errorf("the function was asked %+v", asked)
	}
	if _, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("db")}); err != nil {
		t.Fatal(err)
	}
	w.Settle() // the window of the 10th day has passed: that of the 11th is open
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated after its restoration")
	}
	w.wantEvents("RotationStarted", "StartSecretVersionDelete", "CancelSecretVersionDelete", "RotationStarted", "RotationSucceeded")
	w.rotate(daily(2))
	if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("db"), ForceDeleteWithoutRecovery: new(true)}); err != nil {
		t.Fatal(err)
	}
	w.create("db", canary)
	w.lambda.set(functionARN, r.failing("createSecret"))
	w.rotate(daily(2))
	w.lambda.asked()
	w.Settle()
	if asked := w.lambda.asked(); len(asked) != 1 {
		t.Errorf("another secret of the name was rotated, too: %+v", asked)
	}
}

// TestRotationTokens: one that is given is that of the rotation, whoever gives it.
func TestRotationTokens(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	const want = "InvalidRequestException: The RotationToken isn't that of the rotation of this version of the secret."
	put := func(version, proof string) error {
		_, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{
			SecretId: new("db"), ClientRequestToken: &version, RotationToken: &proof, SecretString: new("x"), VersionStages: []string{"AWSPENDING"},
		})
		return err
	}
	wantFault(t, put(token(1), token(9)), want)
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		if e.Step == "createSecret" {
			wantFault(t, put(token(1), token(9)), want)
			wantFault(t, put(token(2), e.RotationToken), want)
		}
		return r.rotate(ctx, e)
	})
	w.rotate(daily(1))
	w.Settle()
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated")
	}
}

// TestRulesChange: the windows are those of the new rules, without a rotation in between.
func TestRulesChange(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	w.rotate(daily(1))
	w.Settle()
	w.lambda.asked()
	for _, expression := range []string{"rate(100 days)", "cron(0 12 16 * ? *)", "rate(4 hours)", "cron(0 12 16 * ? *)"} {
		w.rotate(&secretsmanager.RotateSecretInput{
			SecretId: new("db"), RotationRules: &types.RotationRulesType{ScheduleExpression: &expression}, RotateImmediately: new(false),
		})
		w.Settle()
	}
	w.lambda.asked()
	if n := len(w.waiting()); n > 4 {
		t.Errorf("%d jobs wait", n)
	}
	for w.Clock.Now().Before(at(16, 11)) {
		w.Settle()
		w.Clock.Advance(time.Hour)
	}
	if asked := w.lambda.asked(); len(asked) != 0 {
		t.Errorf("before its window the function was asked %+v", asked)
	}
	w.Clock.Advance(time.Hour)
	w.Settle()
	if n := len(w.lambda.asked()); n != 4 {
		t.Errorf("in the window %d steps were taken", n)
	}
	w.Clock.Advance(10 * 24 * time.Hour) // past the windows of rules that are no more
	w.Settle()
	if jobs := w.waiting(); len(jobs) != 1 {
		t.Errorf("jobs wait: %q", jobs)
	}
}

// TestTakingTheLabelAway between two tries ends a rotation, and the next window's begins anew.
func TestTakingTheLabelAway(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.Clock.Advance(at(14, 23).Sub(w.Clock.Now())) // a second before midnight
	w.lambda.set(functionARN, r.failing("testSecret"))
	in := daily(1)
	in.RotationRules.AutomaticallyAfterDays = new(int64(1))
	w.rotate(in)
	w.Settle()
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(2 * time.Second)
	w.Settle() // the window opens, and the rotation waits for its second try
	w.lambda.asked()
	w.unpend(token(1))
	w.Clock.Advance(time.Minute)
	w.Settle()
	if asked := w.lambda.asked(); len(asked) != 4 || asked[0].ClientRequestToken == token(1) {
		t.Errorf("the function was asked %+v", asked)
	}
	if w.value("db") != canary+"!" {
		t.Error("the secret was not rotated in the window")
	}
}

// TestAValueThatIsPutInAtTheEnd of a rotation, before anybody has noted its success.
func TestAValueThatIsPutInAtTheEnd(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		err := r.rotate(ctx, e)
		if e.Step == "finishSecret" {
			w.put("db", "mine")
		}
		return err
	})
	w.rotate(daily(1))
	w.Settle()
	if w.value("db") != "mine" || w.describe("db").LastRotatedDate == nil {
		t.Error("the value that was put in is lost, or the rotation before it")
	}
	w.lambda.set(functionARN, func(ctx context.Context, e event) error {
		err := r.rotate(ctx, e)
		if e.Step == "finishSecret" && e.ClientRequestToken == token(2) {
			w.rotate(daily(3))
		}
		return err
	})
	w.rotate(daily(2))
	w.Settle()
	if w.value("db") != "mine!!" {
		t.Error("one of two rotations is lost")
	}
	w.wantEvents("RotationStarted", "RotationSucceeded", "RotationStarted", "RotationSucceeded", "RotationStarted", "RotationSucceeded")
}
