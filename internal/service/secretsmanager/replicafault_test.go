// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const (
	failedDenied  = "Failed: Replication failed: Access to KMS is not allowed"
	failedEncrypt = "Failed: Replication failed: Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state."
	failedDecrypt = "Failed: Replication failed: Secrets Manager can't decrypt the protected secret text using the provided KMS key."
	failedExists  = "Failed: Replication failed: Secret name db already exists in region " + overThere + "."
	failedOther   = "Failed: Replication failed: Secret name db is currently replicated to " + overThere + " with a different arn."
)

// under is a region with a KMS key.
func under(region, key string) types.ReplicaRegionType {
	return types.ReplicaRegionType{Region: &region, KmsKeyId: &key}
}

func TestAReplicaHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there, key := w.in(overThere), w.newKeyIn(overThere)
	w.create("db", canary)
	w.replicate("db", under(overThere, key))
	w.wantStatus("db", inSync)
	if got := *there.describe("db").KmsKeyId; got != key || *w.describe("db").ReplicationStatus[0].KmsKeyId != key {
		t.Errorf("the replica is under %s", got)
	}
	stranger := secretsmanager.NewFromConfig(w.ConfigIn(overThere, w.User("stranger", servicetest.Allow("*", "secretsmanager:*"))))
	if got := there.reads(stranger, "db"); got != denied {
		t.Errorf("a stranger to the replica's key reads %s", got)
	}
	if got := w.reads(w.as("stranger2", servicetest.Allow("*", "secretsmanager:*")), "db"); got != canary {
		t.Errorf("the primary is under it, too: %s", got)
	}
	// The key can be changed in the replica's region, and by asking for the replica anew.
	other := w.newKeyIn(overThere)
	if err := there.useKey("db", other); err != nil {
		t.Fatal(err)
	}
	if got := *w.describe("db").ReplicationStatus[0].KmsKeyId; got != other {
		t.Errorf("the primary has the key %s", got)
	}
	w.disable(key)
	w.put("db", "2")
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	w.replicate("db", under(overThere, "arn:aws:kms:"+overThere+":"+servicetest.Account+":alias/aws/secretsmanager"))
	w.disable(other)
	w.wantEqual("db", overThere)
	if d := there.describe("db"); d.KmsKeyId != nil {
		t.Errorf("the replica is under %s", *d.KmsKeyId)
	}
}

// The two KMS keys are used as whoever changed the primary, when the change is carried
// over.
func TestReplicationNeedsPermissionForTheKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := w.newKey(), w.newKeyIn(overThere)
	if err := w.tryCreate("db", canary, &here); err != nil {
		t.Fatal(err)
	}
	all := servicetest.Allow("*", "secretsmanager:*")
	for _, test := range []struct{ name, policy, want string }{
		{"no-key", all, failedDenied},
		{"the-primarys", servicetest.Allow(here, "kms:Decrypt"), failedDenied},
		{"the-replicas", servicetest.Allow(there, "kms:GenerateDataKey", "kms:Encrypt"), failedDenied},
		{"both", servicetest.Allow("*", "kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"), inSync},
	} {
		c := w.as(test.name, all, test.policy)
		if _, err := c.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: new("db"), AddReplicaRegions: []types.ReplicaRegionType{under(overThere, there)},
		}); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if got := statuses(w.describe("db").ReplicationStatus)[overThere]; got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
		if missing := fault(w.in(overThere).tryGet("db", "", "")) == notFound; missing != (test.want != inSync) {
			t.Errorf("%s: the replica is missing: %v", test.name, missing)
		}
	}
	// A later change needs the permissions of who makes it, unless it has no value.
	writer := w.as("writer", all, servicetest.Allow(here, "kms:GenerateDataKey", "kms:Decrypt"))
	if _, err := writer.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: new("db"), Tags: tags("a", "b")}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", inSync)
	if _, err := writer.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db"), SecretString: new("2")}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", failedDenied)
	if got := w.in(overThere).value("db"); got != canary {
		t.Errorf("the replica has the value %s", got)
	}
}

// The caller may be another account's, to which the default keys are of no use.
func TestAnotherAccountChangesThePrimary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	w.replicate("db", to(overThere)...)
	const consumer = "999999999999"
	eve := secretsmanager.NewFromConfig(w.Config(w.UserIn(consumer, "eve", servicetest.Allow("*", "*"))))
	w.setPolicy("db", statement("Allow", `{"AWS":"`+consumer+`"}`, "secretsmanager:*"))
	if _, err := eve.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: &arn, Tags: tags("a", "b")}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	out, err := eve.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &arn, AddReplicaRegions: to(farAway)})
	if err != nil || *out.ARN != arn {
		t.Fatalf("%+v, %v", out, err)
	}
	w.Settle()
	want := map[string]string{overThere: inSync, farAway: "Failed: Replication failed: You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."}
	if diff := cmp.Diff(want, statuses(w.describe("db").ReplicationStatus)); diff != "" {
		t.Error(diff)
	}
	replica := strings.Replace(arn, servicetest.Region, overThere, 1)
	there := secretsmanager.NewFromConfig(w.ConfigIn(overThere, w.UserIn(consumer, "bob", servicetest.Allow("*", "*"))))
	if _, err := there.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &replica}); err != nil {
		t.Errorf("the policy does not hold in the replica's region: %v", err)
	}
	if _, err := there.StopReplicationToReplica(w.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: &replica}); err != nil {
		t.Error(err)
	}
}

func TestTheAccessKeyIsGoneByThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	ada := w.User("ada", servicetest.Allow("*", "*"))
	c := secretsmanager.NewFromConfig(w.Config(ada))
	if _, err := c.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(overThere)}); err != nil {
		t.Fatal(err)
	}
	w.withdraw(ada)
	w.Settle()
	w.wantStatus("db", "Failed: Replication failed: The access key on whose behalf this was to be done is inactive or gone. Ask for it again with another one.")
	if err := w.tryTag("db", "a", "b"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", inSync)
}

// withdraw deletes an access key.
func (w *world) withdraw(c servicetest.Credentials) {
	w.t.Helper()
	if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error { return tx.Delete(kv.Key("iam", "key", c.AccessKeyID)) }); err != nil {
		w.t.Fatal(err)
	}
}

// A replica that fails stays as it was, and is tried again: after a while, twice as long
// each time, and at once when the primary changes.
func TestReplicationIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there, key := w.in(overThere), w.newKeyIn(overThere)
	w.create("db", "1")
	w.replicate("db", under(overThere, key))
	w.disable(key)
	w.put("db", "2")
	w.Settle()
	w.wantStatus("db", failedEncrypt)
	w.keyState(key, "Enabled")
	if got := there.value("db"); got != "1" {
		t.Errorf("the replica has %s", got)
	}
	w.disable(key)
	for pause := time.Minute; pause <= 4*time.Minute; pause *= 2 {
		w.Clock.Advance(pause - time.Second)
		w.Settle()
		before := w.recorded("ReplicationFailed")
		w.Clock.Advance(time.Second)
		w.Settle()
		if after := w.recorded("ReplicationFailed"); after != before+1 {
			t.Errorf("after %v it failed %d times more", pause, after-before)
		}
		w.wantStatus("db", failedEncrypt)
	}
	w.keyState(key, "Enabled")
	w.Clock.Advance(8 * time.Minute)
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	w.disable(key)
	w.put("db", "3")
	w.Settle()
	w.keyState(key, "Enabled")
	if err := w.tryUpdate("db", "described"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	w.Clock.Advance(100 * time.Hour) // the try that the change forestalled is no more
	w.Settle()
	if jobs := w.waiting(); len(jobs) != 0 {
		t.Errorf("there are the jobs %v", jobs)
	}
}

// recorded is how many records of an event there are.
func (w *world) recorded(event string) (n int) {
	for _, r := range w.Records() {
		if r.EventName == event {
			n++
		}
	}
	return n
}

// A version that can't be carried over does not keep the current one from its replicas.
func TestOneVersionCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey()
	if err := w.tryCreate("db", "1", &key); err != nil {
		t.Fatal(err)
	}
	if err := w.tryStage("db", "mine", "", w.versionOf("db", "AWSCURRENT")); err != nil {
		t.Fatal(err)
	}
	w.put("db", "2")
	w.put("db", "3")
	if err := w.useKey("db", "alias/aws/secretsmanager"); err != nil { // which leaves "mine" under the old one alone
		t.Fatal(err)
	}
	w.disable(key)
	w.replicate("db", to(overThere)...)
	w.wantStatus("db", failedDecrypt)
	there := w.in(overThere)
	if got := there.value("db"); got != "3" {
		t.Errorf("the replica has %s", got)
	}
	want := map[string]string{"AWSCURRENT": "3", "AWSPREVIOUS": "2", "mine": ""}
	for stage, value := range want {
		got, err := there.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db"), VersionStage: &stage})
		if (err != nil) != (value == "") || (err == nil && *got.SecretString != value) {
			t.Errorf("%s: %v, %v", stage, got, err)
		}
	}
	// When the current one can't be read either, the replica is left alone.
	w.keyState(key, "Enabled")
	if err := w.tryStage("db", "AWSCURRENT", w.versionOf("db", "AWSCURRENT"), w.versionOf("db", "mine")); err != nil {
		t.Fatal(err)
	}
	w.disable(key)
	before := there.describe("db")
	w.Settle()
	if diff := cmp.Diff(before.VersionIdsToStages, there.describe("db").VersionIdsToStages); diff != "" {
		t.Error(diff)
	}
	w.keyState(key, "Enabled")
	w.Clock.Advance(time.Hour)
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
}

func TestANameThatIsInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(overThere)
	w.create("db", canary)
	other := there.create("db", "other")
	w.replicate("db", to(overThere)...)
	w.wantStatus("db", failedExists)
	if there.value("db") != "other" {
		t.Error("the other secret has another value")
	}
	// One that waits for its deletion is in use, too.
	if err := there.tryDelete("db", nil, false); err != nil {
		t.Fatal(err)
	}
	w.replicate("db", to(overThere)...)
	w.wantStatus("db", failedExists)
	w.removeFrom("db", overThere)
	w.Settle()
	if d := there.describe("db"); *d.ARN != other || d.DeletedDate == nil {
		t.Errorf("removing the replica left %+v of the other secret", d)
	}
	in := &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(overThere), ForceOverwriteReplicaSecret: true}
	if _, err := w.ReplicateSecretToRegions(w.ctx, in); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantStatus("db", inSync)
	if d := there.describe("db"); *d.ARN == other || there.value("db") != canary || d.DeletedDate != nil {
		t.Errorf("overwritten, it is %+v", d)
	}
	if values := w.Keys("sm/version/"); len(values) != 2 {
		t.Errorf("there are the values %v", values)
	}
	if list, err := there.ListSecrets(w.ctx, nil); err != nil || len(list.SecretList) != 1 {
		t.Errorf("listed: %v, %v", list, err)
	}
	w.Clock.Advance(31 * dayLong) // the end of the other one's window
	w.Settle()
	if there.value("db") != canary {
		t.Error("the replica was deleted in place of the other")
	}
}

// What others' replicas are, or have replicas of, is not overwritten.
func TestOverwritingIsForSecretsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := w.in(farAway)
	w.create("db", "here")
	far.create("db", "far")
	far.replicate("db", to(overThere)...)
	force := func(region string) {
		if _, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: new("db"), AddReplicaRegions: to(region), ForceOverwriteReplicaSecret: true,
		}); err != nil {
			t.Fatal(err)
		}
		w.Settle()
	}
	force(overThere)
	w.wantStatus("db", failedOther)
	w.removeFrom("db", overThere)
	force(farAway)
	w.wantStatus("db", strings.ReplaceAll(failedExists, overThere, farAway))
	if w.in(overThere).value("db") != "far" || far.value("db") != "far" {
		t.Error("another's secrets were overwritten")
	}
	// The other one's replica is removed, and this one's takes its place after a while.
	w.removeFrom("db", farAway)
	force(overThere)
	far.removeFrom("db", overThere)
	w.Settle()
	w.Clock.Advance(time.Minute)
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
}

// A secret whose replica is still there because the job waits is recreated: the new one
// is another secret.
func TestARecreatedNameIsAnotherPrimary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(overThere)
	w.create("db", "1")
	w.replicate("db", to(overThere)...)
	w.put("db", "2")
	w.removeFrom("db", overThere)
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Fatal(err)
	}
	w.create("db", "3")
	if _, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(overThere)}); err != nil {
		t.Fatal(err)
	}
	if there.value("db") != "1" {
		t.Error("the old replica went before its time")
	}
	w.Restart()
	w.Settle()
	w.Clock.Advance(time.Minute) // in case the new replica was tried before the old one went
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	if values := w.Keys("sm/version/"); len(values) != 2 {
		t.Errorf("there are the values %v", values)
	}
}
