// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// The primary's change is committed, and the server ends before the replica has it.
func TestARestartBeforeTheReplicaIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	if _, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(overThere, farAway)}); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		w.Restart()
		w.Settle()
		w.wantEqual("db", overThere)
		w.wantEqual("db", farAway)
		w.put("db", fmt.Sprint(n))
	}
	w.removeFrom("db", overThere)
	w.Restart()
	w.Settle()
	wantFault(t, w.in(overThere).tryGet("db", "", ""), notFound)
}

// waiting returns the keys of the store's jobs but for those that erase old events, of
// which there is one as soon as there is an event.
func (w *world) waiting() (keys []string) {
	w.t.Helper()
	for _, key := range w.Keys("jobs/") {
		if !strings.Contains(key, "/"+events.KindTrim+"/") {
			keys = append(keys, key)
		}
	}
	return keys
}

// jobs returns the store's jobs but for those.
func (w *world) jobs() (all []kv.Pair) {
	w.t.Helper()
	if _, err := w.Store.View(w.ctx, func(r kv.Reader) error {
		all = nil
		for pair, err := range r.Scan(kv.Range{Prefix: "jobs/"}) {
			if err != nil {
				return err
			}
			if !strings.Contains(pair.Key, "/"+events.KindTrim+"/") {
				all = append(all, kv.Pair{Key: pair.Key, Value: bytes.Clone(pair.Value)})
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) putJobs(all []kv.Pair) {
	w.t.Helper()
	if _, err := w.Store.Update(w.ctx, func(tx kv.Tx) error {
		for _, job := range all {
			if err := tx.Put(job.Key, job.Value); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// A job is done at least once: doing any of all jobs again, in any state that came later,
// changes nothing but to what there is to be.
func TestJobsThatAreDoneAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	var ever []kv.Pair
	there := w.in(overThere)
	again := func() {
		ever = append(ever, w.jobs()...)
		w.Settle()
		before, attempts := w.everySecret(), w.recorded("ReplicationStarted")
		w.putJobs(ever)
		w.Settle()
		if diff := cmp.Diff(before, w.everySecret()); diff != "" {
			t.Errorf("doing %d jobs again changed\n%s", len(ever), diff)
		}
		if more := w.recorded("ReplicationStarted") - attempts; more != 0 {
			t.Errorf("of %d jobs that were done, %d were done again", len(ever), more)
		}
	}
	replicate := func() {
		if _, err := w.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: new("db"), AddReplicaRegions: to(overThere, farAway), ForceOverwriteReplicaSecret: true,
		}); err != nil {
			t.Fatal(err)
		}
	}
	replicate()
	again()
	w.put("db", "2")
	again()
	w.removeFrom("db", overThere)
	again()
	there.create("db", "another") // not the primary's
	again()
	replicate()
	again()
	w.wantEqual("db", overThere)
	w.put("db", "3")
	if err := there.tryPromote("db"); err != nil {
		t.Fatal(err)
	}
	again()
	if got := there.value("db"); got != "2" {
		t.Errorf("the promoted secret has %s", got)
	}
	w.removeFrom("db", farAway)
	if err := w.tryDelete("db", nil, true); err != nil {
		t.Fatal(err)
	}
	again()
	wantFault(t, w.in(farAway).tryGet("db", "", ""), notFound)
	w.create("db", "4")
	again()
}

// everySecret are the keys of all secrets, and what DescribeSecret tells of each.
func (w *world) everySecret() map[string]string {
	w.t.Helper()
	shown := map[string]string{}
	for _, key := range w.Keys("sm/") {
		parts := kv.Split(key)
		if shown[key] = ""; parts[1] == "secret" {
			d := w.in(parts[3]).describe(parts[4])
			shown[key] = fmt.Sprint(*d.ARN, d.LastChangedDate, d.VersionIdsToStages, statuses(d.ReplicationStatus))
		}
	}
	return shown
}

// Changes come while the worker is at work: none is lost.
func TestChangesRaceWithTheWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "0")
	w.replicate("db", to(overThere, farAway)...)
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for i := range 10 {
				if err := w.tryPut("db", token(100*n+i), fmt.Sprint(n, i)); err != nil {
					t.Error(err)
				}
				if err := w.tryTag("db", fmt.Sprint(n), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		writers.Wait()
	}()
	for racing := true; racing; {
		select {
		case <-done:
			racing = false
		default:
			w.Settle()
		}
	}
	w.Settle()
	w.wantEqual("db", overThere)
	w.wantEqual("db", farAway)
	if d := w.describe("db"); statuses(d.ReplicationStatus)[overThere] != inSync || len(w.waiting()) != 0 {
		t.Errorf("%v, and the jobs %v", statuses(d.ReplicationStatus), w.waiting())
	}
}

// An id that a removed version had can be used again, with another value.
func TestAVersionIsRemovedAndMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), SecretString: new("old"), ClientRequestToken: new(token(1))}); err != nil {
		t.Fatal(err)
	}
	w.replicate("db", to(overThere)...)
	put := func(from, to int) {
		for n := from; n < to; n++ {
			w.Clock.Advance(time.Millisecond)
			if err := w.tryPut("db", token(n), fmt.Sprint(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(2, 105)
	w.Clock.Advance(25 * time.Hour)
	put(105, 107)
	wantFault(t, w.tryGet("db", token(1), ""), "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: "+token(1))
	w.Settle()
	there := w.in(overThere)
	if err := there.tryGet("db", token(1), ""); err != nil {
		t.Fatalf("the replica had fewer versions, and none to remove: %v", err)
	}
	if err := w.tryPut("db", token(1), "new"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.wantEqual("db", overThere)
	if got := there.value("db"); got != "new" || len(there.list("db")) != 3 {
		t.Errorf("the replica has %s, and the versions %v", got, there.list("db"))
	}
}

// Old versions without labels are removed from a replica as they are from its primary.
func TestOldVersionsOfAReplicaAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "0")
	w.replicate("db", to(overThere)...)
	put := func() {
		w.Clock.Advance(time.Millisecond)
		w.put("db", "x")
		w.Settle()
	}
	for range 104 {
		put()
	}
	w.Clock.Advance(25 * time.Hour)
	put()
	here, there := w.list("db"), w.in(overThere).list("db")
	if len(here) != 100 || len(there) != 100 || *here[0].VersionId != *there[0].VersionId {
		t.Errorf("of %d versions the replica has %d", len(here), len(there))
	}
	if values := w.Keys("sm/version/"); len(values) != 200 {
		t.Errorf("there are %d values", len(values))
	}
}

// The most that there may be of everything fits a transaction.
func TestTheLargestReplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := w.in("home-0")
	there.create("db", "0")
	for n := range 130 {
		there.put("db", fmt.Sprint(n))
	}
	var regions, labels []string
	for n := range 40 {
		regions = append(regions, fmt.Sprintf("edge-%d", n))
	}
	there.replicate("db", to(regions...)...)
	spread := func() {
		for n := range 18 { // and the two that it has
			label := fmt.Sprint("label", n)
			there.put("db", label, label)
			labels = append(labels, label)
		}
	}
	spread()
	there.Settle()
	w.Clock.Advance(25 * time.Hour)
	// All labels but AWSPREVIOUS come together: nineteen versions lose theirs at once.
	labels = append(labels, "AWSCURRENT")
	there.put("db", "all", labels...)
	there.Settle()
	there.wantEqual("db", "edge-7")
	spread()
	there.Settle()
	for _, region := range []string{"edge-0", "edge-39"} {
		there.wantEqual("db", region)
	}
	there.removeFrom("db", regions...)
	there.Settle()
	for _, key := range w.Keys("sm/secret/") {
		if strings.Contains(key, "/edge-") && !strings.HasSuffix(key, "/other") {
			t.Errorf("%s is left", key)
		}
	}
}

func TestTheEventsOfReplicationAndDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	w.replicate("db", to(overThere)...)
	there := w.in(farAway)
	other := there.create("db", "other")
	w.replicate("db", to(farAway)...)
	w.removeFrom("db", overThere, farAway)
	w.Settle()
	if err := w.tryDelete("db", nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("db")}); err != nil {
		t.Fatal(err)
	}
	if err := there.tryDelete("db", nil, true); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range w.Records() {
		if r.UserIdentity.Type != "AWSService" {
			continue
		}
		about := slices.IndexFunc([]string{arn, strings.Replace(arn, servicetest.Region, overThere, 1), other}, func(arn string) bool { return arn == r.Resources[0].ARN })
		got = append(got, strings.Join([]string{r.EventName, r.AWSRegion, []string{"the primary", "the replica", "the other"}[about], string(r.AdditionalEventData), r.ErrorCode}, " "))
	}
	data := func(arn, region string) string {
		if region != "" {
			return `{"ReplicaRegion":"` + region + `","SecretId":"` + arn + `"}`
		}
		return `{"SecretId":"` + arn + `"}`
	}
	want := []string{
		"ReplicationStarted eu-west-1 the primary " + data(arn, overThere) + " ",
		"ReplicationSucceeded eu-west-1 the primary " + data(arn, overThere) + " ",
		"ReplicationStarted eu-west-1 the primary " + data(arn, farAway) + " ",
		"ReplicationFailed eu-west-1 the primary " + data(arn, farAway) + " ResourceExistsException",
		"EndSecretVersionDelete us-east-1 the replica " + data(strings.Replace(arn, servicetest.Region, overThere, 1), "") + " ",
		"StartSecretVersionDelete eu-west-1 the primary " + data(arn, "") + " ",
		"CancelSecretVersionDelete eu-west-1 the primary " + data(arn, "") + " ",
		"StartSecretVersionDelete ap-south-1 the other " + data(other, "") + " ",
		"EndSecretVersionDelete ap-south-1 the other " + data(other, "") + " ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.grep(canary)
}
