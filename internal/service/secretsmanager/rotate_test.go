// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

var allSteps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// rotated is a world with a secret that a function is ready to rotate.
func rotated(t *testing.T) (*world, rotator) {
	t.Helper()
	w := newWorld(t)
	r := w.rotator()
	w.lambda.set(functionARN, r.rotate)
	w.create("db", canary)
	return w, r
}

// daily is a request that has the secret rotated now, and then every ten days.
func daily(n int) *secretsmanager.RotateSecretInput {
	return &secretsmanager.RotateSecretInput{
		SecretId: new("db"), ClientRequestToken: new(token(n)), RotationLambdaARN: new(functionARN),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: new(int64(10))},
	}
}

// rotate makes a call of RotateSecret that has to succeed.
func (w *world) rotate(in *secretsmanager.RotateSecretInput) {
	w.t.Helper()
	out, err := w.RotateSecret(w.ctx, in)
	if err != nil {
		w.t.Fatalf("rotating: %v", err)
	}
	if in.ClientRequestToken != nil && *out.VersionId != *in.ClientRequestToken {
		w.t.Fatalf("VersionId is %s", *out.VersionId)
	}
}

// wantStages checks which version of the secret has which labels.
func (w *world) wantStages(want map[string][]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.describe("db").VersionIdsToStages); diff != "" {
		w.t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// events are what happened to rotations, and why it failed.
func (w *world) events() (events []string) {
	w.t.Helper()
	for _, r := range w.Records() {
		if r.EventType == "AwsServiceEvent" {
			e := r.EventName
			if r.ErrorMessage != "" {
				e += ": " + r.ErrorMessage
			}
			events = append(events, e)
		}
	}
	return events
}

func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.events()); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	first := w.list("db")[0]
	w.rotate(daily(1))

	// The call is answered when nothing has been done but to name the version.
	w.wantStages(map[string][]string{*first.VersionId: {"AWSCURRENT"}, token(1): {"AWSPENDING"}})
	_, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db"), VersionStage: new("AWSPENDING")})
	wantFault(t, err, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING")
	_, err = w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db"), VersionId: new(token(1))})
	wantFault(t, err, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: "+token(1))
	if got := w.describe("db"); got.LastRotatedDate != nil || !*got.RotationEnabled {
		t.Errorf("LastRotatedDate is %v, RotationEnabled %v", got.LastRotatedDate, *got.RotationEnabled)
	}

	w.Clock.Advance(time.Minute)
	w.Settle()
	asked := w.lambda.asked()
	if diff := cmp.Diff(allSteps, steps(asked)); diff != "" {
		t.Errorf("steps:\n%s", diff)
	}
	for _, e := range asked {
		if e.SecretId != *w.describe("db").ARN || e.ClientRequestToken != token(1) || len(e.RotationToken) != 36 || e.RotationToken != asked[0].RotationToken {
			t.Errorf("the function was asked %+v", e)
		}
	}
	if w.value("db") != canary+"!" {
		t.Error("the value was not rotated")
	}
	w.wantStages(map[string][]string{*first.VersionId: {"AWSPREVIOUS"}, token(1): {"AWSCURRENT", "AWSPENDING"}})
	w.wantEvents("RotationStarted", "RotationSucceeded")
}

// TestWhatIsShownOfARotation holds the members of DescribeSecret and ListSecrets.
func TestWhatIsShownOfARotation(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	never := w.describe("db")
	if never.RotationEnabled != nil || never.RotationRules != nil || never.NextRotationDate != nil {
		t.Errorf("of a secret that was never rotated: %+v", never)
	}
	w.rotate(daily(1))
	w.Clock.Advance(time.Hour)
	w.Settle()
	rotatedAt := servicetest.Start.Add(time.Hour).Truncate(time.Millisecond)
	for name, is := range map[string]struct {
		rules types.RotationRulesType
		days  int64
		next  time.Time
	}{
		"days":  {types.RotationRulesType{AutomaticallyAfterDays: new(int64(10))}, 10, at(24, 23)},
		"rate":  {types.RotationRulesType{ScheduleExpression: new("rate(5 days)")}, 5, at(19, 23)},
		"cron":  {types.RotationRulesType{ScheduleExpression: new("cron(0 8 1 * ? *)"), Duration: new("2h")}, 18, at(32, 9)},
		"hours": {types.RotationRulesType{ScheduleExpression: new("rate(8 hours)"), Duration: new("3h")}, 1, at(14, 20)},
	} {
		w.rotate(&secretsmanager.RotateSecretInput{SecretId: new("db"), RotationRules: &is.rules, RotateImmediately: new(false)})
		w.Settle()
		is.rules.AutomaticallyAfterDays = &is.days
		got := w.describe("db")
		ignore := cmpopts.IgnoreUnexported(types.RotationRulesType{})
		if diff := cmp.Diff(&is.rules, got.RotationRules, ignore); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if !got.LastRotatedDate.Equal(rotatedAt) || !got.NextRotationDate.Equal(is.next) {
			t.Errorf("%s: LastRotatedDate %v, NextRotationDate %v, want %v and %v", name, got.LastRotatedDate, got.NextRotationDate, rotatedAt, is.next)
		}
		list, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{})
		if err != nil {
			t.Fatal(err)
		}
		entry := list.SecretList[0]
		if diff := cmp.Diff(&is.rules, entry.RotationRules, ignore); diff != "" || *entry.RotationLambdaARN != functionARN ||
			!*entry.RotationEnabled || !entry.NextRotationDate.Equal(is.next) || !entry.LastRotatedDate.Equal(rotatedAt) {
			t.Errorf("%s: the list has %+v\n%s", name, entry, diff)
		}
	}
}

// at is the last second of an hour of a day of March 2026.
func at(day, hour int) time.Time { return time.Date(2026, time.March, day, hour, 59, 59, 0, time.UTC) }

func TestRotateSecretRefuses(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	old := *w.list("db")[0].VersionId
	const external = "InvalidParameterException: You can't specify ExternalSecretRotationMetadata or ExternalSecretRotationRoleArn for a secret that isn't a managed external secret."
	for want, change := range map[string]func(*secretsmanager.RotateSecretInput){
		notFound: func(in *secretsmanager.RotateSecretInput) { in.SecretId = new("none") },
		"InvalidRequestException: No Lambda rotation function ARN is associated with this secret.": func(in *secretsmanager.RotateSecretInput) { in.RotationLambdaARN = nil },
		"AccessDeniedException: Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.": func(in *secretsmanager.RotateSecretInput) {
			in.RotationLambdaARN = new(otherARN)
		},
		"InvalidParameterException: You cannot specify both rotation frequency and schedule expression together.": func(in *secretsmanager.RotateSecretInput) {
			in.RotationRules.ScheduleExpression = new("rate(4 hours)")
		},
		"InvalidParameterException: Invalid schedule expression.": func(in *secretsmanager.RotateSecretInput) {
			in.RotationRules = &types.RotationRulesType{ScheduleExpression: new("rate(10 minutes)")}
		},
		"InvalidParameterException: You must specify a rotation frequency or a schedule expression with a duration.": func(in *secretsmanager.RotateSecretInput) {
			in.RotationRules = &types.RotationRulesType{Duration: new("3h")}
		},
		"InvalidRequestException: You can't use ClientRequestToken " + old + " because that value is already in use for a version of secret " + *w.describe("db").ARN + ".": func(in *secretsmanager.RotateSecretInput) {
			in.ClientRequestToken = &old
		},
		external: func(in *secretsmanager.RotateSecretInput) {
			in.ExternalSecretRotationRoleArn = new("arn:aws:iam::123456789012:role/r")
		},
	} {
		in := daily(1)
		change(in)
		_, err := w.RotateSecret(w.ctx, in)
		wantFault(t, err, want)
	}
	raw := w.Post(w.Root, "secretsmanager.RotateSecret", `{"SecretId":"none"}`)
	if raw.Type != "InvalidRequestException" || raw.Message != "You must provide a ClientRequestToken value. We recommend a UUID-type value." {
		t.Errorf("without a token: %s: %s", raw.Type, raw.Message)
	}
	if got := w.describe("db"); got.RotationEnabled != nil {
		t.Error("a refused request configured the secret")
	}
	if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("db")}); err != nil {
		t.Fatal(err)
	}
	_, err := w.RotateSecret(w.ctx, daily(1))
	wantFault(t, err, markedFor)
	_, err = w.CancelRotateSecret(w.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: new("db")})
	wantFault(t, err, markedFor)
}

// TestCallersNeedTheFunction: who may rotate a secret may not have every function run.
func TestCallersNeedTheFunction(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	ana := w.as("ana", servicetest.Allow("*", "secretsmanager:RotateSecret"), servicetest.Allow(otherARN, "lambda:InvokeFunction"))
	_, err := ana.RotateSecret(w.ctx, daily(1))
	wantFault(t, err, "AccessDeniedException: User: arn:aws:iam::123456789012:user/ana is not authorized to perform: lambda:InvokeFunction on resource: "+
		functionARN+" because no identity-based policy allows the lambda:InvokeFunction action")
	bo := w.as("bo", servicetest.Allow("*", "secretsmanager:RotateSecret"), servicetest.Allow(functionARN, "lambda:InvokeFunction"))
	if _, err := bo.RotateSecret(w.ctx, daily(1)); err != nil {
		t.Error(err)
	}
}

func TestARepeatedRotateSecretIsOne(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	w.rotate(daily(1))
	w.rotate(daily(1))
	w.Settle()
	w.rotate(daily(1)) // and when it is over
	w.Settle()
	if diff := cmp.Diff(allSteps, steps(w.lambda.asked())); diff != "" {
		t.Errorf("steps:\n%s", diff)
	}
	w.rotate(daily(2)) // AWSPENDING is on the current version, which is no rotation under way
	w.Settle()
	if w.value("db") != canary+"!!" {
		t.Error("another rotation was not made")
	}
}

func TestAPreviousRotationThatIsNotComplete(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	const want = "InvalidRequestException: A previous rotation isn't complete. That rotation will be reattempted."
	w.rotate(daily(1))
	_, err := w.RotateSecret(w.ctx, daily(2))
	wantFault(t, err, want)
	w.Settle()
	w.put("db", "by hand", "AWSPENDING")
	_, err = w.RotateSecret(w.ctx, daily(3))
	wantFault(t, err, want)
}

// TestAManagedExternalSecret is rotated by the partner at AWS, and here by a function.
func TestAManagedExternalSecret(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	if _, err := w.UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: new("db"), Type: new("SalesforceClientSecret")}); err != nil {
		t.Fatal(err)
	}
	in := daily(1)
	in.ExternalSecretRotationRoleArn = new("arn:aws:iam::123456789012:role/partner")
	in.ExternalSecretRotationMetadata = []types.ExternalSecretRotationMetadataItem{{Key: new("apiVersion"), Value: new("v65.0")}}
	in.RotationLambdaARN = nil
	_, err := w.RotateSecret(w.ctx, in)
	wantFault(t, err, "NotImplemented: This version of Coffer does not rotate managed external secrets by itself: give a RotationLambdaARN, of a function that does.")
	in.RotationLambdaARN = new(functionARN)
	w.rotate(in)
	w.Settle()
	got := w.describe("db")
	if *got.ExternalSecretRotationRoleArn != *in.ExternalSecretRotationRoleArn || *got.ExternalSecretRotationMetadata[0].Value != "v65.0" {
		t.Errorf("shown is %+v", got)
	}
	for len(in.ExternalSecretRotationMetadata) <= 25 {
		in.ExternalSecretRotationMetadata = append(in.ExternalSecretRotationMetadata, in.ExternalSecretRotationMetadata[0])
	}
	in.ClientRequestToken = new(token(2))
	_, err = w.RotateSecret(w.ctx, in)
	wantFault(t, err, "InvalidParameterException: You can't specify more than 25 items of ExternalSecretRotationMetadata.")
}

// TestASecretThatHasNoValue can be configured, as at AWS; its function has nothing to go by.
func TestASecretThatHasNoValue(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("new")}); err != nil {
		t.Fatal(err)
	}
	in := daily(1)
	in.SecretId = new("new")
	w.rotate(in)
	w.Settle()
	if got := w.describe("new").VersionIdsToStages; !cmp.Equal(got, map[string][]string{token(1): {"AWSPENDING"}}) {
		t.Errorf("labels: %v", got)
	}
	first := w.put("new", canary)
	if got := w.describe("new").VersionIdsToStages; !cmp.Equal(got, map[string][]string{first: {"AWSCURRENT"}}) {
		t.Errorf("labels: %v", got)
	}
}
