// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// replicaMachine changes a primary in every way, while its replicas come and go and the
// worker comes when it likes. In the end each replica is what the primary is.
type replicaMachine struct {
	*world
	id string
	// keys are a key in each region, which are sometimes disabled.
	keys map[string]string
	made int // versions
}

var someRegions = []string{overThere, farAway, "us-west-2"}

func (m *replicaMachine) must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// changes are those of the primary.
func (m *replicaMachine) changes() map[string]func(*rapid.T) {
	stages := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"AWSCURRENT", "AWSPENDING", "A", "B"}), 1, 3, rapid.ID)
	return map[string]func(*rapid.T){
		"put": func(t *rapid.T) {
			m.made++
			_, err := m.PutSecretValue(m.ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &m.id, ClientRequestToken: new(token(m.made)), SecretString: new(fmt.Sprint(m.made)), VersionStages: stages.Draw(t, "stages"),
			})
			m.must(t, err)
		},
		"label": func(t *rapid.T) {
			label := rapid.SampledFrom([]string{"AWSCURRENT", "A", "C"}).Draw(t, "label")
			from := ""
			for id, stages := range m.describe(m.id).VersionIdsToStages {
				for _, s := range stages {
					if s == label {
						from = id
					}
				}
			}
			m.must(t, m.tryStage(m.id, label, from, token(rapid.IntRange(1, m.made).Draw(t, "to"))))
		},
		"describe": func(t *rapid.T) { m.must(t, m.tryUpdate(m.id, rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "text"))) },
		"tag": func(t *rapid.T) {
			m.must(t, m.tryTag(m.id, rapid.StringMatching(`[a-c]`).Draw(t, "key"), rapid.StringMatching(`[a-z]{0,3}`).Draw(t, "value")))
		},
		"untag": func(t *rapid.T) {
			_, err := m.UntagResource(m.ctx, &secretsmanager.UntagResourceInput{SecretId: &m.id, TagKeys: []string{rapid.StringMatching(`[a-c]`).Draw(t, "key")}})
			m.must(t, err)
		},
		"policy":    func(*rapid.T) { m.setPolicy(m.id, statement("Allow", user("ada"), "secretsmanager:*")) },
		"no policy": func(*rapid.T) { m.dropPolicy(m.id) },
		"work":      func(*rapid.T) { m.Settle() },
		"restart":   func(*rapid.T) { m.Restart() },
	}
}

// moves are what happens to the replicas.
func (m *replicaMachine) moves() map[string]func(*rapid.T) {
	region := rapid.SampledFrom(someRegions)
	return map[string]func(*rapid.T){
		"replicate": func(t *rapid.T) {
			to := to(region.Draw(t, "region"))
			if rapid.Bool().Draw(t, "own key") {
				to[0] = under(*to[0].Region, m.keys[*to[0].Region])
			}
			_, err := m.ReplicateSecretToRegions(m.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
				SecretId: &m.id, AddReplicaRegions: to, ForceOverwriteReplicaSecret: rapid.Bool().Draw(t, "overwrite"),
			})
			m.must(t, err)
		},
		"remove": func(t *rapid.T) { m.removeFrom(m.id, region.Draw(t, "region")) },
		"promote": func(t *rapid.T) {
			there := m.in(region.Draw(t, "region"))
			if there.tryGet(m.id, "", "") != nil || there.describe(m.id).PrimaryRegion == nil {
				t.Skip("no replica")
			}
			m.must(t, there.tryPromote(m.id))
		},
		"change the replica's key": func(t *rapid.T) {
			region := region.Draw(t, "region")
			there := m.in(region)
			if there.tryGet(m.id, "", "") != nil {
				t.Skip("no replica")
			}
			m.must(t, there.useKey(m.id, m.keys[region]))
		},
		"a secret in the way": func(t *rapid.T) {
			there := m.in(region.Draw(t, "region"))
			if there.tryGet(m.id, "", "") == nil {
				t.Skip("there is one")
			}
			there.create(m.id, "in the way")
		},
		"a faulty key": func(t *rapid.T) {
			key := m.keys[region.Draw(t, "region")]
			m.disable(key)
			m.Settle()
			m.keyState(key, "Enabled")
		},
	}
}

// check lets the worker finish, and looks at what there is.
func (m *replicaMachine) check(t *rapid.T) {
	for range 2 { // the second time for those that failed
		m.Settle()
		m.Clock.Advance(48 * time.Hour)
	}
	for _, s := range m.describe(m.id).ReplicationStatus {
		there := m.in(*s.Region)
		d := there.describe(m.id)
		if statuses([]types.ReplicationStatusType{s})[*s.Region] != inSync {
			if d.PrimaryRegion != nil || there.value(m.id) == "" {
				t.Errorf("%s is %v, and the secret there is %+v", *s.Region, s, d)
			}
			continue
		}
		m.wantEqual(m.id, *s.Region)
		if key := optionalString(d.KmsKeyId); *s.KmsKeyId != key && (key != "nil" || *s.KmsKeyId != "alias/aws/secretsmanager") {
			t.Errorf("%s: the primary has the key %s, and the replica %s", *s.Region, *s.KmsKeyId, key)
		}
	}
	replicated := statuses(m.describe(m.id).ReplicationStatus)
	for _, region := range someRegions {
		there := m.in(region)
		if _, listed := replicated[region]; listed || there.tryGet(m.id, "", "") != nil {
			continue
		}
		if d := there.describe(m.id); d.PrimaryRegion != nil {
			t.Errorf("%s has a replica that its primary does not know", region)
		}
	}
	if policies, secrets := m.Keys("sm/policy/"), m.Keys("sm/secret/"); len(policies) > len(secrets) {
		t.Errorf("there are the policies %v of %v", policies, secrets)
	}
	if diff := cmp.Diff(m.wantedValues(), len(m.Keys("sm/version/"))); diff != "" {
		t.Errorf("the number of values:\n%s", diff)
	}
}

// wantedValues is the number of versions of all secrets, of which each has a value.
func (m *replicaMachine) wantedValues() (n int) {
	for _, region := range append([]string{"eu-west-1"}, someRegions...) {
		there := m.in(region)
		list, err := there.ListSecrets(m.ctx, nil)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, s := range list.SecretList {
			n += len(there.list(*s.Name))
		}
	}
	return n
}

// machineRuns is how many of rapid's runs there are: each waits for the disk some two
// hundred times.
const machineRuns = 30

func TestReplicasInTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := map[string]string{}
	w.User("ada")
	for _, region := range someRegions {
		keys[region] = w.newKeyIn(region)
	}
	names := 0
	rapid.Check(t, func(t *rapid.T) {
		if names++; names > machineRuns {
			return
		}
		m := &replicaMachine{world: w, id: fmt.Sprint("db", names), keys: keys, made: 1}
		_, err := m.CreateSecret(m.ctx, &secretsmanager.CreateSecretInput{
			Name: &m.id, SecretString: new("1"), ClientRequestToken: new(token(1)), AddReplicaRegions: to(overThere),
		})
		m.must(t, err)
		actions := m.changes()
		maps.Copy(actions, m.moves())
		t.Repeat(actions)
		m.check(t)
		if m.t.Failed() {
			t.FailNow() // for rapid to say by which actions
		}
		// What is left would make the next check slow.
		m.removeFrom(m.id, someRegions...)
		m.Settle()
		m.must(t, m.tryDelete(m.id, nil, true))
		for _, region := range someRegions {
			m.must(t, m.in(region).tryDelete(m.id, nil, true))
		}
		m.Settle()
	})
}
