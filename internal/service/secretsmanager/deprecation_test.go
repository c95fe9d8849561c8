// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

// deprecate makes a secret whose first version, token(1), has lost its labels, and
// returns when that version was made.
func (w *world) deprecate(name string) time.Time {
	w.t.Helper()
	made := w.Clock.Now()
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, ClientRequestToken: new(token(1)), SecretString: new("1")}); err != nil {
		w.t.Fatal(err)
	}
	for n := 2; n <= 3; n++ {
		w.Clock.Advance(time.Second)
		if err := w.tryPut(name, token(n), string(rune('0'+n))); err != nil {
			w.t.Fatal(err)
		}
	}
	return made
}

func TestADeprecatedVersionIsReadByItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.deprecate("db")
	got, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db"), VersionId: new(token(1))})
	if err != nil || *got.SecretString != "1" || !got.CreatedDate.Equal(made) || len(got.VersionStages) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	wantFault(t, w.tryGet("db", token(1), "AWSCURRENT"), "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.")
	w.Restart() // the date of the access is noted now
	all := w.list("db")
	if len(all) != 3 || *all[0].VersionId != token(1) || len(all[0].VersionStages) != 0 || !all[0].CreatedDate.Equal(made) ||
		all[0].LastAccessedDate == nil || all[1].LastAccessedDate != nil {
		t.Errorf("%+v", all)
	}
	if keys := w.Keys("sm/deprecated/"); len(keys) != 1 {
		t.Errorf("the index has %v", keys)
	}
	if d := w.describe("db"); len(d.VersionIdsToStages) != 2 {
		t.Errorf("described with the versions %v", d.VersionIdsToStages)
	}
}

func TestARepeatedPutOfADeprecatedVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deprecate("db")
	again, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db"), ClientRequestToken: new(token(1)), SecretString: new("1")})
	if err != nil || len(again.VersionStages) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	err = w.tryPut("db", token(1), "other")
	want := "ResourceExistsException: You can't use ClientRequestToken " + token(1) + " because that value is already in use for a version of secret " + *w.describe("db").ARN + "."
	wantFault(t, err, want)
	if diff := cmp.Diff(map[string][]string{"2": {"AWSPREVIOUS"}, "3": {"AWSCURRENT"}}, w.stages("db")); diff != "" {
		t.Error(diff)
	}
}

// A rollback two versions back: a label comes from the head and goes to the index, and
// another one the other way.
func TestADeprecatedVersionBecomesCurrent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deprecate("db")
	if err := w.tryStage("db", "AWSCURRENT", token(3), token(1)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"1": {"AWSCURRENT"}, "3": {"AWSPREVIOUS"}}, w.stages("db")); diff != "" {
		t.Error(diff)
	}
	if err := w.tryStage("db", "mine", "", token(2)); err != nil {
		t.Fatal(err)
	}
	if keys := w.Keys("sm/deprecated/"); len(keys) != 0 || len(w.list("db")) != 3 {
		t.Errorf("the index has %v", keys)
	}
	wantFault(t, w.tryStage("db", "mine", token(9), token(2)), "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: "+token(9))
	wantFault(t, w.tryGet("db", token(9), ""), "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: "+token(9))
}
