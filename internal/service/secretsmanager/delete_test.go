// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const dayLong = 24 * time.Hour

func TestDeletionIsScheduledAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	out, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("db"), RecoveryWindowInDays: new(int64(7))})
	if err != nil {
		t.Fatal(err)
	}
	if want := w.Clock.Now().Add(7 * dayLong); *out.ARN != arn || !out.DeletionDate.Equal(want) {
		t.Errorf("%s is to be deleted at %v, want %v", *out.ARN, out.DeletionDate, want)
	}
	if d := w.describe("db"); d.DeletedDate == nil || !d.DeletedDate.Equal(*out.DeletionDate) {
		t.Errorf("described with the date %v", d.DeletedDate)
	}
	if _, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db")}); err != nil {
		t.Errorf("its versions: %v", err)
	}
	w.Clock.Advance(7*dayLong - time.Second)
	if _, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: &arn}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Hour)
	if d := w.describe("db"); d.DeletedDate != nil || w.value("db") != canary {
		t.Errorf("restored, and the date is %v", d.DeletedDate)
	}
}

func TestAfterTheWindowThereIsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	if err := w.tryDelete("db", new(int64(7)), false); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(7 * dayLong)
	for name, err := range map[string]error{
		"get": w.tryGet("db", "", ""), "put": w.tryPut("db", token(5), "x"), "update": w.tryUpdate("db", "x"),
		"delete": w.tryDelete("db", nil, false), "tag": w.tryTag("db", "a", "b"), "stage": w.tryStage("db", "A", "", token(1)),
	} {
		if fault(err) != notFound {
			t.Errorf("%s: %s", name, fault(err))
		}
	}
	_, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("db")})
	wantFault(t, err, notFound)
	list, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true)})
	if err != nil || len(list.SecretList) != 0 {
		t.Errorf("listed: %v, %v", list, err)
	}
	old := w.Keys("sm/version/")
	if again := w.create("db", "new"); again == arn {
		t.Error("the ARN of a new secret is that of the old one")
	}
	wantFault(t, w.tryGet(arn, "", ""), notFound)
	w.Settle()
	if now := w.Keys("sm/version/"); len(now) != 1 || now[0] == old[0] {
		t.Errorf("the values are %v, and were %v", now, old)
	}
}

// What is left of a secret is erased at the end of its window, which a restored one has
// none of, and one that is deleted anew another.
func TestTheEndOfTheWindowLeavesNoValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"db", "kept", "later"} {
		w.deprecate(name)
		if err := w.tryDelete(name, new(int64(7)), false); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kept", "later"} {
		if _, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.tryDelete("later", new(int64(8)), false); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after        time.Duration
		heads, index int
	}{{6 * dayLong, 3, 3}, {dayLong, 2, 2}, {dayLong, 1, 1}} {
		w.Clock.Advance(step.after)
		w.Restart()
		w.Settle()
		if heads, index, values := w.Keys("sm/secret/"), w.Keys("sm/deprecated/"), w.Keys("sm/version/"); len(heads) != step.heads || len(index) != step.index || len(values) != 3*step.heads {
			t.Errorf("%v later there are %v, %v and %v", step.after, heads, index, values)
		}
	}
	if w.value("kept") != "3" || len(w.waiting()) != 0 {
		t.Errorf("the restored secret has the value %s; there are the jobs %v", w.value("kept"), w.waiting())
	}
}

func TestForcedDeletionLeavesNoValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	for range 150 { // more than a transaction can delete
		w.put("db", canary)
	}
	w.create("db-other", canary)
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Fatal(err)
	}
	wantFault(t, w.tryGet("db", "", ""), notFound)
	w.create("db", "new")
	w.Restart() // the rest is done after a restart, too
	w.Settle()
	if keys := w.Keys("sm/deprecated/"); len(keys) != 0 {
		t.Errorf("%d entries are left in the index", len(keys))
	}
	if keys := w.Keys("sm/version/"); len(keys) != 2 {
		t.Errorf("%d values are left, want those of the new and of the other secret", len(keys))
	}
	if w.value("db") != "new" || w.value("db-other") != canary {
		t.Error("the deletion took a value that is in use")
	}
	// The request may be repeated, and one that waits can be deleted at once.
	for _, id := range []string{"nobody", arn} {
		if err := w.tryDelete(id, nil, true); err != nil {
			t.Errorf("deleting %s: %v", id, err)
		}
	}
	if err := w.tryDelete("db", nil, false); err != nil {
		t.Fatal(err)
	}
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Error(err)
	}
	w.create("db", "newest")
}
