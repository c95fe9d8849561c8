// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const notOnReplica = "InvalidParameterException: Operation not permitted on a replica secret. Call must be made in primary secret's region."

func TestAReplicaIsNotChangedInItsRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	w.replicate("db", to(overThere)...)
	there, before := w.in(overThere), append(w.Keys("sm/"), w.waiting()...)
	update := func(change func(*secretsmanager.UpdateSecretInput)) error {
		in := &secretsmanager.UpdateSecretInput{SecretId: new("db"), KmsKeyId: new("alias/aws/secretsmanager")}
		change(in)
		_, err := there.UpdateSecret(w.ctx, in)
		return err
	}
	for operation, call := range everything(there.Client, t) {
		switch operation {
		case "CreateSecret", "GetSecretValue", "DescribeSecret", "ListSecrets", "ListSecretVersionIds", "BatchGetSecretValue", "GetRandomPassword",
			"GetResourcePolicy", "ValidateResourcePolicy", "StopReplicationToReplica":
			continue
		}
		if got := fault(call()); got != notOnReplica {
			t.Errorf("%s: %s", operation, got)
		}
	}
	for name, change := range map[string]func(*secretsmanager.UpdateSecretInput){
		"nothing":       func(in *secretsmanager.UpdateSecretInput) { in.KmsKeyId = nil },
		"a value":       func(in *secretsmanager.UpdateSecretInput) { in.SecretString = new("x") },
		"a binary one":  func(in *secretsmanager.UpdateSecretInput) { in.SecretBinary = []byte("x") },
		"a description": func(in *secretsmanager.UpdateSecretInput) { in.Description = new("") },
		"a type":        func(in *secretsmanager.UpdateSecretInput) { in.Type = new("x") },
	} {
		if got := fault(update(change)); got != notOnReplica {
			t.Errorf("UpdateSecret of %s: %s", name, got)
		}
	}
	wantFault(t, there.tryDelete("db", new(int64(7)), false), notOnReplica)
	_, err := there.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{
		Name: new("db"), SecretString: new(canary), ClientRequestToken: new(w.versionOf("db", "AWSCURRENT")),
	})
	wantFault(t, err, "ResourceExistsException: The operation failed because the secret db already exists.")
	if diff := cmp.Diff(before, append(w.Keys("sm/"), w.waiting()...)); diff != "" {
		t.Error(diff)
	}
	w.wantEqual("db", overThere)
}

func TestWhereASecretCanBeReplicatedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tooMany []string
	for n := range 41 {
		tooMany = append(tooMany, fmt.Sprintf("edge-%d", n))
	}
	const invalid, ok = "InvalidParameterException: Invalid replica region.", "no error"
	for name, test := range map[string]struct {
		from string
		to   []string
		want string
	}{
		"AWS's":                          {servicetest.Region, []string{"us-east-2", "af-south-1", "mx-central-1"}, ok},
		"its own":                        {servicetest.Region, []string{overThere, servicetest.Region}, invalid},
		"a misspelt one":                 {servicetest.Region, []string{"us-esat-1"}, invalid},
		"one that there is not yet":      {servicetest.Region, []string{"us-east-3"}, invalid},
		"China":                          {servicetest.Region, []string{"cn-north-1"}, invalid},
		"GovCloud":                       {servicetest.Region, []string{"us-gov-west-1"}, invalid},
		"within China":                   {"cn-north-1", []string{"cn-northwest-1"}, ok},
		"out of China":                   {"cn-north-1", []string{servicetest.Region}, invalid},
		"within GovCloud":                {"us-gov-west-1", []string{"us-gov-east-1"}, ok},
		"from one's own to AWS's":        {"home-1", []string{overThere}, invalid},
		"from AWS's to one's own":        {servicetest.Region, []string{"home-1"}, invalid},
		"one's own":                      {"home-1", []string{"office-1"}, ok},
		"one's own of another partition": {"home-1", []string{"cn-home-1"}, invalid},
		"one twice":                      {servicetest.Region, []string{overThere, overThere}, "InvalidParameterException: Replica region us-east-1 is there more than once."},
		"as many as there may be":        {"home-1", tooMany[:40], ok},
		"too many":                       {"home-1", tooMany, "InvalidParameterException: You can't replicate a secret to more than 40 regions."},
		"none":                           {servicetest.Region, nil, "ValidationException: 1 validation error detected: Value '[]' at 'addReplicaRegions' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"no name":                        {servicetest.Region, []string{"Europe"}, "ValidationException: 1 validation error detected: Value 'Europe' at 'addReplicaRegions.1.member.region' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([a-z]+-)+\\d+$"},
	} {
		id := strings.NewReplacer(" ", "-", "'", "").Replace(name)
		there := w.in(test.from)
		there.create(id, canary)
		in := &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &id, AddReplicaRegions: to(test.to...)}
		if test.to == nil {
			in.AddReplicaRegions = []types.ReplicaRegionType{}
		}
		_, err := there.ReplicateSecretToRegions(w.ctx, in)
		if got := fault(err); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
		_, err = there.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("created-" + id), AddReplicaRegions: in.AddReplicaRegions})
		if got := fault(err); got != test.want && test.to != nil {
			t.Errorf("%s, when it is created: %s", name, got)
		}
		want := 0
		if test.want == ok {
			want = len(test.to)
		}
		if got := there.describe(id).ReplicationStatus; len(got) != want {
			t.Errorf("%s: replicated to %v", name, statuses(got))
		}
	}
	w.Settle()
	if got := w.in("home-1").describe("as-many-as-there-may-be").ReplicationStatus; statuses(got)["edge-39"] != inSync {
		t.Errorf("the many replicas are %v", statuses(got))
	}
	got := w.Post(w.Root, "secretsmanager.ReplicateSecretToRegions", `{"SecretId":"one-twice","AddReplicaRegions":[{}]}`)
	if got.Type+": "+got.Message != invalid {
		t.Errorf("no region at all: %+v", got)
	}
}

func TestReplicasOnCreationNeedTheirPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as("ada", servicetest.Allow("*", "secretsmanager:CreateSecret"))
	in := &secretsmanager.CreateSecretInput{Name: new("a"), SecretString: new(canary), ClientRequestToken: new(token(1)), AddReplicaRegions: to(overThere)}
	_, err := c.CreateSecret(w.ctx, in)
	if !strings.Contains(fault(err), "is not authorized to perform: secretsmanager:ReplicateSecretToRegions on resource: a") {
		t.Error(fault(err))
	}
	may := w.as("bob", servicetest.Allow("*", "secretsmanager:CreateSecret", "secretsmanager:ReplicateSecretToRegions"))
	for _, want := range []string{underway, inSync} { // a repeated request, too
		out, err := may.CreateSecret(w.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := statuses(out.ReplicationStatus)[overThere]; got != want {
			t.Errorf("created with a replica %s", got)
		}
		w.Settle()
	}
}

// A secret that waits for its deletion gets no replicas.
func TestADeletedSecretIsNotReplicated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	if err := w.tryDelete("db", nil, false); err != nil {
		t.Fatal(err)
	}
	_, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(overThere)})
	wantFault(t, err, markedFor)
}
