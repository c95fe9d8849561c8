// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// The regions that the tests replicate to.
const (
	overThere = "us-east-1"
	farAway   = "ap-south-1"
)

// The two states of a replica that needs nothing.
const (
	underway = "InProgress"
	inSync   = "InSync: Replication succeeded"
)

func to(regions ...string) (out []types.ReplicaRegionType) {
	for _, region := range regions {
		out = append(out, types.ReplicaRegionType{Region: &region})
	}
	return out
}

// in is the world as it is in another region, for the same root.
func (w *world) in(region string) *world {
	there := *w
	there.Client = secretsmanager.NewFromConfig(w.ConfigIn(region, w.Root))
	return &there
}

// replicate has a secret replicated, and waits until it was tried.
func (w *world) replicate(id string, regions ...types.ReplicaRegionType) {
	w.t.Helper()
	if _, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &id, AddReplicaRegions: regions}); err != nil {
		w.t.Fatalf("replicating %s: %v", id, err)
	}
	w.Settle()
}

func (w *world) removeFrom(id string, regions ...string) {
	w.t.Helper()
	if _, err := w.RemoveRegionsFromReplication(w.ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: &id, RemoveReplicaRegions: regions}); err != nil {
		w.t.Fatalf("removing the replicas of %s: %v", id, err)
	}
}

func (w *world) tryPutBinary(id string, value []byte) error {
	_, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretBinary: value})
	return err
}

func (w *world) tryPromote(id string) error {
	_, err := w.StopReplicationToReplica(w.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: &id})
	return err
}

// statuses shows a status for each region, as "Status: message".
func statuses(all []types.ReplicationStatusType) map[string]string {
	shown := map[string]string{}
	for _, r := range all {
		shown[*r.Region] = string(r.Status)
		if r.StatusMessage != nil {
			shown[*r.Region] += ": " + *r.StatusMessage
		}
	}
	return shown
}

// wantStatus checks the state of a secret's only replica.
func (w *world) wantStatus(id, want string) {
	w.t.Helper()
	all := w.describe(id).ReplicationStatus
	if len(all) != 1 || statuses(all)[*all[0].Region] != want {
		w.t.Errorf("the replicas of %s are %v, want %s", id, statuses(all), want)
	}
}

func TestAReplicaIsWhatItsPrimaryIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in(overThere)
	made, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{
		Name: new("app/db"), SecretString: new("1"), Description: new("the database"), Tags: tags("a", "1", "b", "2"),
		AddReplicaRegions: to(overThere, farAway),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{overThere: underway, farAway: underway}, statuses(made.ReplicationStatus)); diff != "" {
		t.Errorf("created with the replicas\n%s", diff)
	}
	if key := *made.ReplicationStatus[0].KmsKeyId; key != "alias/aws/secretsmanager" {
		t.Errorf("created with a replica under the key %s", key)
	}
	if err := there.tryGet("app/db", "", ""); fault(err) != notFound {
		t.Errorf("before the worker came there is a replica: %v", err)
	}
	w.Settle()
	if got := there.value("app/db"); got != "1" {
		t.Errorf("the replica has the value %s", got)
	}
	primary, replica := w.describe("app/db"), there.describe("app/db")
	if want := strings.Replace(*made.ARN, servicetest.Region, overThere, 1); *replica.ARN != want || *replica.PrimaryRegion != servicetest.Region || *primary.PrimaryRegion != servicetest.Region {
		t.Errorf("the replica is %s of %s", *replica.ARN, *replica.PrimaryRegion)
	}
	if replica.ReplicationStatus != nil || replica.KmsKeyId != nil || !replica.LastChangedDate.Equal(*primary.LastChangedDate) {
		t.Errorf("the replica is described as %+v", replica)
	}
	if diff := cmp.Diff(map[string]string{overThere: inSync, farAway: inSync}, statuses(primary.ReplicationStatus)); diff != "" {
		t.Error(diff)
	}
	w.wantEqual("app/db", overThere)
	w.wantEqual("app/db", farAway)
	if jobs := w.waiting(); len(jobs) != 0 {
		t.Errorf("there are the jobs %v", jobs)
	}
}

// wantEqual checks that a replica has what its primary has: versions with labels, their
// values, tags and description.
func (w *world) wantEqual(id, region string) {
	w.t.Helper()
	here, there := w.describe(id), w.in(region).describe(id)
	if diff := cmp.Diff(here.VersionIdsToStages, there.VersionIdsToStages); diff != "" {
		w.t.Errorf("the versions in %s:\n%s", region, diff)
	}
	if optionalString(here.Description) != optionalString(there.Description) || optionalString(here.Type) != optionalString(there.Type) {
		w.t.Errorf("in %s it is %v", region, there)
	}
	if diff := cmp.Diff(here.Tags, there.Tags, cmp.AllowUnexported(types.Tag{})); diff != "" {
		w.t.Errorf("the tags in %s:\n%s", region, diff)
	}
	policy := &secretsmanager.GetResourcePolicyInput{SecretId: &id}
	a, err := w.GetResourcePolicy(w.ctx, policy)
	if err != nil {
		w.t.Fatal(err)
	}
	if b, err := w.in(region).GetResourcePolicy(w.ctx, policy); err != nil || optionalString(a.ResourcePolicy) != optionalString(b.ResourcePolicy) {
		w.t.Errorf("the policy in %s is %v, %v", region, b, err)
	}
	for version := range here.VersionIdsToStages {
		in := &secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: &version}
		a, err := w.GetSecretValue(w.ctx, in)
		if err != nil {
			w.t.Fatal(err)
		}
		b, err := w.in(region).GetSecretValue(w.ctx, in)
		if err != nil {
			w.t.Errorf("version %s in %s: %v", version, region, err)
			continue
		}
		if optionalString(a.SecretString) != optionalString(b.SecretString) || string(a.SecretBinary) != string(b.SecretBinary) || !a.CreatedDate.Equal(*b.CreatedDate) {
			w.t.Errorf("version %s in %s is not the primary's", version, region)
		}
	}
}

func TestEachChangeIsCarriedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.User("ada")
	w.create("db", "1")
	w.replicate("db", to(overThere)...)
	for name, change := range map[string]func() error{
		"a value":        func() error { return w.tryPut("db", token(2), "2") },
		"a binary value": func() error { return w.tryPutBinary("db", []byte{0, 255}) },
		"a label":        func() error { return w.tryStage("db", "mine", "", w.versionOf("db", "AWSCURRENT")) },
		"a description":  func() error { return w.tryUpdate("db", "described") },
		"a tag":          func() error { return w.tryTag("db", "a", "b") },
		"no tag": func() error {
			_, err := w.UntagResource(w.ctx, &secretsmanager.UntagResourceInput{SecretId: new("db"), TagKeys: []string{"a"}})
			return err
		},
		"a policy":        func() error { w.setPolicy("db", statement("Allow", user("ada"), "secretsmanager:*")); return nil },
		"another KMS key": func() error { return w.useKey("db", w.newKey()) },
	} {
		if err := change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := statuses(w.describe("db").ReplicationStatus)[overThere]; got != underway {
			t.Errorf("%s: before it is carried over the replica is %s", name, got)
		}
		if err := w.tryTag("db", "also", name); err != nil { // one job does for both
			t.Fatal(err)
		}
		if jobs := w.waiting(); len(jobs) != 1 {
			t.Errorf("%s: there are the jobs %v", name, jobs)
		}
		w.Settle()
		w.wantStatus("db", inSync)
		w.wantEqual("db", overThere)
	}
	w.dropPolicy("db")
	w.Settle()
	w.wantEqual("db", overThere)
	if policies := w.Keys("sm/policy/"); len(policies) != 0 {
		t.Errorf("there are the policies %v", policies)
	}
}

func TestAVersionWithoutLabelsIsOneInTheReplica(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	w.replicate("db", to(overThere)...)
	for _, value := range []string{"2", "3"} {
		w.put("db", value)
		w.Settle()
	}
	here, there := w.list("db"), w.in(overThere).list("db")
	if len(here) != 3 || len(there) != 3 || *there[0].VersionId != *here[0].VersionId || !there[0].CreatedDate.Equal(*here[0].CreatedDate) {
		t.Fatalf("the replica has the versions %v", there)
	}
	// It comes back with a label, and goes again.
	if err := w.tryStage("db", "mine", "", *here[0].VersionId); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantEqual("db", overThere)
	if err := w.tryStage("db", "mine", *here[0].VersionId, ""); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantEqual("db", overThere)
	if got := w.Keys("sm/deprecated/"); len(got) != 2 {
		t.Errorf("the index has %v", got)
	}
	// A replica that is made later does not have it.
	w.replicate("db", to(farAway)...)
	if got := w.in(farAway).list("db"); len(got) != 2 {
		t.Errorf("a later replica has the versions %v", got)
	}
}

func TestAReplicaHasDatesOfAccessOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	w.replicate("db", to(overThere)...)
	if d := w.describe("db"); d.ReplicationStatus[0].LastAccessedDate != nil {
		t.Error("nobody read the replica")
	}
	w.in(overThere).value("db")
	w.Restart() // the date is noted now
	d := w.describe("db")
	if got := d.ReplicationStatus[0]; got.LastAccessedDate == nil || got.Status != types.StatusTypeInSync || d.LastAccessedDate != nil {
		t.Errorf("%+v", d)
	}
	w.value("db")
	w.Restart()
	if jobs := w.waiting(); len(jobs) != 0 {
		t.Errorf("reading the primary made %v", jobs)
	}
	w.put("db", "2")
	w.Settle()
	if w.in(overThere).describe("db").LastAccessedDate == nil {
		t.Error("replication took the date away")
	}
}

func TestReplicasAreListedByTheirPrimarysRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("alone", canary)
	w.create("db", canary)
	w.replicate("db", to(overThere)...)
	for _, test := range []struct{ region, value, want string }{
		{servicetest.Region, "eu-w", "db"},
		{servicetest.Region, overThere, ""},
		{overThere, servicetest.Region, "db"},
		{overThere, overThere, ""},
	} {
		list, err := w.in(test.region).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{Filters: filter("primary-region", test.value)})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range list.SecretList {
			got += *s.Name
			if *s.PrimaryRegion != servicetest.Region {
				t.Errorf("%s has the primary region %s", *s.Name, *s.PrimaryRegion)
			}
		}
		if got != test.want {
			t.Errorf("in %s, of %s: %s", test.region, test.value, got)
		}
	}
}

func TestReplicasAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	w.replicate("db", to(overThere, farAway)...)
	err := w.tryDelete("db", nil, true)
	wantFault(t, err, "InvalidParameterException: You can't delete secret "+arn+" that still has replica regions ["+farAway+", "+overThere+"].")
	wantFault(t, w.tryDelete("db", nil, false), "InvalidParameterException: You can't delete secret "+arn+" that still has replica regions ["+farAway+", "+overThere+"].")
	for _, regions := range [][]string{{overThere}, {overThere, farAway}, {farAway}} {
		out, err := w.RemoveRegionsFromReplication(w.ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: new("db"), RemoveReplicaRegions: regions})
		if err != nil || *out.ARN != arn || out.ReplicationStatus == nil {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if d := w.describe("db"); d.PrimaryRegion != nil || d.ReplicationStatus != nil {
		t.Errorf("described as %+v", d)
	}
	w.Settle()
	for _, region := range []string{overThere, farAway} {
		wantFault(t, w.in(region).tryGet("db", "", ""), notFound)
	}
	if values := w.Keys("sm/version/"); len(values) != 1 {
		t.Errorf("there are the values %v", values)
	}
	if w.value("db") != canary {
		t.Error("the primary's value went, too")
	}
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Error(err)
	}
}

func TestAReplicaIsPromoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", "1")
	w.replicate("db", to(overThere, farAway)...)
	there := w.in(overThere)
	w.put("db", "2") // is on its way, and does not arrive
	out, err := there.StopReplicationToReplica(w.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: new("db")})
	if err != nil || *out.ARN != strings.Replace(arn, servicetest.Region, overThere, 1) {
		t.Fatalf("%+v, %v", out, err)
	}
	w.Settle()
	if d := there.describe("db"); d.PrimaryRegion != nil || there.value("db") != "1" {
		t.Errorf("promoted to %+v with the value %s", d, there.value("db"))
	}
	if diff := cmp.Diff(map[string]string{farAway: inSync}, statuses(w.describe("db").ReplicationStatus)); diff != "" {
		t.Error(diff)
	}
	// It is a primary now, and can have replicas.
	there.put("db", "3")
	there.removeFrom("db", farAway)
	there.replicate("db", to("us-west-2")...)
	if got := w.in("us-west-2").value("db"); got != "3" || w.value("db") != "2" || w.in(farAway).value("db") != "2" {
		t.Errorf("its replica has %s", got)
	}
	wantFault(t, there.tryPromote("db"), "InvalidParameterException: Operation not permitted on a secret that is not a replica. Call must be made in the replica secret's region.")
	w.removeFrom("db", farAway)
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Error(err)
	}
}
