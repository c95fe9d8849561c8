// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// canary is a value that no answer may have in it.
const canary = "hunter2-canary"

func call[In, Out any](f *fixture, op api.Op[In, Out], in *In) *Out {
	f.t.Helper()
	out, err := awsjson.Do(f.t.Context(), f.client(servicetest.Region, f.Root), op, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// create makes a secret and returns its ARN.
func (f *fixture) create(name string) string {
	f.t.Helper()
	return *call(f, sm.CreateSecret, &sm.CreateSecretInput{
		Name: &name, SecretString: secret.NewText(canary), ClientRequestToken: new("11111111-1111-1111-1111-" + fmt.Sprintf("%012x", len(name))),
	}).ARN
}

// putSecret gives a secret a value with a version id of the test's, and labels.
func (f *fixture) putSecret(name string, n int, stages ...string) string {
	f.t.Helper()
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", n)
	call(f, sm.PutSecretValue, &sm.PutSecretValueInput{
		SecretId: &name, SecretString: secret.NewText(fmt.Sprint(canary, n)), ClientRequestToken: &id, VersionStages: stages,
	})
	return id
}

// watcher asks for changes as somebody.
type watcher struct {
	*fixture
	as    servicetest.Credentials
	token *string
	last  *coffer.ListChangesOutput
}

func (f *fixture) watch(as servicetest.Credentials) *watcher {
	f.t.Helper()
	w := &watcher{fixture: f, as: as}
	if got := w.changes(); len(got) > 0 || *w.last.Reset || *w.last.More {
		f.t.Errorf("the first answer is %q, %+v", got, w.last)
	}
	return w
}

// changes returns what changed since it was called last, each as its operation and name.
func (w *watcher) changes() []string {
	w.t.Helper()
	return w.ask(coffer.ListChangesInput{NextToken: w.token})
}

func (w *watcher) ask(in coffer.ListChangesInput) []string {
	w.t.Helper()
	out, err := awsjson.Do(w.t.Context(), w.client(servicetest.Region, w.as), coffer.ListChanges, &in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.last, w.token = out, out.NextToken
	var got []string
	for _, c := range out.Changes {
		text := *c.Service + " " + *c.Operation + " " + *c.Name
		if c.VersionId != nil {
			text += " " + *c.VersionId
		}
		if !strings.HasPrefix(*c.ARN, "arn:aws:"+*c.Service+":"+servicetest.Region+":") || strings.Contains(text, canary) {
			w.t.Errorf("%s: %s", text, *c.ARN)
		}
		got = append(got, text)
	}
	return got
}

func TestChangesAreListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.watch(f.Root)
	arn := f.create("db")
	first := *call(f, sm.GetSecretValue, &sm.GetSecretValueInput{SecretId: new("db")}).VersionId
	equal(t, w.changes(), "secretsmanager Create db "+first)
	equal(t, w.changes())
	if *w.last.More || *w.last.Reset {
		t.Errorf("%+v", w.last)
	}

	two := f.putSecret("db", 2)
	f.happen(servicetest.Region, "/p")
	equal(t, w.changes(), "secretsmanager Update db "+two, "ssm Create /p")

	// Of one thing, only the last change is told.
	f.putSecret("db", 3)
	call(f, ssm.PutParameter, &ssm.PutParameterInput{Name: new("/p"), Value: secret.NewText(canary), Overwrite: new(true)})
	four := f.putSecret("db", 4)
	equal(t, w.changes(), "ssm Update /p", "secretsmanager Update db "+four)

	call(f, sm.UpdateSecretVersionStage, &sm.UpdateSecretVersionStageInput{
		SecretId: &arn, VersionStage: new("AWSCURRENT"), MoveToVersionId: &two, RemoveFromVersionId: &four,
	})
	equal(t, w.changes(), "secretsmanager Update db "+two)
	call(f, sm.DeleteSecret, &sm.DeleteSecretInput{SecretId: new("db")})
	call(f, ssm.DeleteParameter, &ssm.DeleteParameterInput{Name: new("/p")})
	equal(t, w.changes(), "secretsmanager Delete db", "ssm Delete /p")
	call(f, sm.RestoreSecret, &sm.RestoreSecretInput{SecretId: new("db")})
	equal(t, w.changes(), "secretsmanager Restore db "+two)
	f.Restart()
	call(f, sm.DeleteSecret, &sm.DeleteSecretInput{SecretId: new("db"), ForceDeleteWithoutRecovery: new(true)})
	equal(t, w.changes(), "secretsmanager Delete db")
	f.create("db") // which has another ARN
	if got := w.changes(); len(got) != 1 || *w.last.Changes[0].ARN == arn {
		t.Errorf("%q", got)
	}
}

func TestWhatChangesNoValueIsNotListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create("db")
	w := f.watch(f.Root)
	call(f, sm.GetSecretValue, &sm.GetSecretValueInput{SecretId: new("db")}) // which notes the day
	call(f, sm.UpdateSecret, &sm.UpdateSecretInput{SecretId: new("db"), Description: new("x"), ClientRequestToken: new("22222222-2222-2222-2222-222222222222")})
	call(f, sm.TagResource, &sm.TagResourceInput{SecretId: new("db"), Tags: []sm.Tag{{Key: new("a"), Value: new("b")}}})
	f.putSecret("db", 2, "AWSPENDING")
	equal(t, w.changes())
	f.putSecret("db", 3, "MINE")
	if got := w.changes(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestOnlyWhatTheCallerMayReadIsListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.create("granted")
	tagged := f.create("tagged")
	call(f, sm.TagResource, &sm.TagResourceInput{SecretId: &tagged, Tags: []sm.Tag{{Key: new("team"), Value: new("a")}}})
	f.create("other")
	f.happen(servicetest.Region, "/mine", "/yours")
	ada := f.User("ada", servicetest.Allow("arn:aws:ssm:*:*:parameter/mine", "ssm:GetParameter"), `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"secretsmanager:ResourceTag/team":"a"}}}]}`)
	call(f, sm.PutResourcePolicy, &sm.PutResourcePolicyInput{SecretId: &arn, ResourcePolicy: new(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + servicetest.Account + `:user/ada"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)})
	bob := f.User("bob", servicetest.Allow("*", "secretsmanager:DescribeSecret", "secretsmanager:ListSecrets", "ssm:DescribeParameters", "coffer:*"))
	root, asAda, asBob := f.watch(f.Root), f.watch(ada), f.watch(bob)
	for i, name := range []string{"granted", "tagged", "other"} {
		f.putSecret(name, i)
	}
	for _, name := range []string{"/mine", "/yours"} {
		call(f, ssm.PutParameter, &ssm.PutParameterInput{Name: &name, Value: secret.NewText("y"), Overwrite: new(true)})
	}
	if got := root.changes(); len(got) != 5 {
		t.Errorf("%q", got)
	}
	equal(t, names(asAda.changes()), "granted", "tagged", "/mine")
	equal(t, asBob.changes())
	call(f, sm.DeleteSecret, &sm.DeleteSecretInput{SecretId: new("other"), ForceDeleteWithoutRecovery: new(true)})
	equal(t, asAda.changes())
	equal(t, names(root.changes()), "other")
	if _, err := awsjson.Do(t.Context(), f.client("eu-west-2", ada), coffer.ListChanges, &coffer.ListChangesInput{NextToken: asAda.token}); !isCode(err, "ValidationException") {
		t.Errorf("a token of another region: %v", err)
	}
}

func names(changes []string) (names []string) {
	for _, c := range changes {
		names = append(names, strings.Fields(c)[2])
	}
	return names
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code
}

func TestChangesComeInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.watch(f.Root)
	f.happen(servicetest.Region, "a", "b", "c")
	equal(t, names(w.ask(coffer.ListChangesInput{NextToken: w.token, MaxResults: new(int32(2))})), "a", "b")
	if !*w.last.More {
		t.Error("there is more, and the answer does not say so")
	}
	equal(t, names(w.ask(coffer.ListChangesInput{NextToken: w.token, MaxResults: new(int32(2))})), "c")
	if *w.last.More {
		t.Error("there is no more")
	}
}

func TestListChangesWaits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create("db")
	ada := f.watch(f.User("ada", servicetest.Allow("*", "secretsmanager:GetSecretValue")))
	answered := make(chan []string, 1)
	go func() {
		answered <- ada.ask(coffer.ListChangesInput{NextToken: ada.token, WaitTimeSeconds: new(int32(coffer.MaxWait))})
	}()
	f.happen(servicetest.Region, "/not-for-ada")
	id := f.putSecret("db", 7)
	equal(t, <-answered, "secretsmanager Update db "+id)
}

func TestATokenThatIsTooOldIsReset(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	empty := f.watch(f.Root)
	for range 3 {
		f.Clock.Advance(50 * time.Minute)
		if equal(t, empty.changes()); *empty.last.Reset {
			t.Error("reset, and there was no event")
		}
	}
	f.Clock.Advance(2 * time.Hour)
	equal(t, empty.changes())
	if !*empty.last.Reset {
		t.Error("a token of an empty log is good for ever")
	}
	f.happen(servicetest.Region, "a")
	w := f.watch(f.Root)
	f.Clock.Advance(23 * time.Hour)
	equal(t, w.changes())
	if *w.last.Reset {
		t.Error("reset, and the event is there")
	}
	f.Clock.Advance(3 * time.Hour)
	f.happen(servicetest.Region, "b")
	f.Settle()
	if len(f.Keys("events/")) != 1 {
		t.Fatalf("events: %q", f.Keys("events/"))
	}
	equal(t, w.changes())
	if !*w.last.Reset {
		t.Error("not reset")
	}
	f.happen(servicetest.Region, "c")
	equal(t, names(w.changes()), "c")
}

func TestChangesAreOfTheAccountAndRegion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.watch(f.Root)
	stranger := f.watch(f.UserIn("999999999999", "eve", servicetest.Allow("*", "secretsmanager:*", "ssm:*")))
	f.create("db")
	f.happen("eu-west-2", "elsewhere")
	equal(t, names(w.changes()), "db")
	equal(t, stranger.changes())
}

// TestAReplicasChangesAreToldInItsRegion has the whole life of a replica.
func TestAReplicasChangesAreToldInItsRegion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create("db")
	const away = "eu-west-2"
	token := ""
	there := func() (got []string) {
		t.Helper()
		in := &coffer.ListChangesInput{}
		if token != "" {
			in.NextToken = &token
		}
		out, err := awsjson.Do(t.Context(), f.client(away, f.Root), coffer.ListChanges, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.Changes {
			if !strings.HasPrefix(*c.ARN, "arn:aws:secretsmanager:"+away+":") {
				t.Errorf("the ARN is %s", *c.ARN)
			}
			got = append(got, *c.Operation)
		}
		token = *out.NextToken
		return got
	}
	equal(t, there())
	call(f, sm.ReplicateSecretToRegions, &sm.ReplicateSecretToRegionsInput{
		SecretId: new("db"), AddReplicaRegions: []sm.ReplicaRegionType{{Region: new(away)}},
	})
	f.Settle()
	equal(t, there(), "Create")
	f.putSecret("db", 2)
	f.Settle()
	equal(t, there(), "Update")
	call(f, sm.TagResource, &sm.TagResourceInput{SecretId: new("db"), Tags: []sm.Tag{{Key: new("a"), Value: new("b")}}})
	f.Settle()
	equal(t, there())
	call(f, sm.RemoveRegionsFromReplication, &sm.RemoveRegionsFromReplicationInput{SecretId: new("db"), RemoveReplicaRegions: []string{away}})
	f.Settle()
	equal(t, there(), "Delete")
}
