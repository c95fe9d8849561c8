// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func expiringIn(f *fixture, d time.Duration) string {
	return expiring(f.Clock.Now().Add(d).Format(time.RFC3339Nano))
}

func notifyBefore(n int, unit string) string {
	return fmt.Sprintf(`{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"%d","Unit":"%s"}}`, n, unit)
}

func noChangeAfter(n int, unit string) string {
	return fmt.Sprintf(`{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"%d","Unit":"%s"}}`, n, unit)
}

// assign puts the parameter /p, with those policies or, without any, as they are.
func (f *fixture) assign(all ...string) {
	f.tb.Helper()
	in := &awsssm.PutParameterInput{
		Name: aws.String("/p"), Value: aws.String("v"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
	}
	if len(all) > 0 {
		in.Policies = aws.String(policies(all...))
	}
	f.put(in)
	f.events() // before they are erased
}

// statuses are those of the policies of /p, in their order.
func (f *fixture) statuses() string {
	f.tb.Helper()
	out, err := f.ssm.DescribeParameters(f.tb.Context(), &awsssm.DescribeParametersInput{
		ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{"/p"}}},
	})
	if err != nil {
		f.tb.Fatal(err)
	}
	if len(out.Parameters) == 0 {
		return "gone"
	}
	return statusesOf(out.Parameters[0].Policies)
}

func statusesOf(policies []types.ParameterInlinePolicy) string {
	all := []string{}
	for _, p := range policies {
		all = append(all, *p.PolicyStatus)
	}
	return strings.Join(all, " ")
}

// told are the events so far, in short.
func (f *fixture) told() string {
	f.tb.Helper()
	var all []string
	for _, e := range f.events() {
		var detail map[string]string
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			f.tb.Fatal(err)
		}
		all = append(all, detail["operation"]+detail["policy-type"])
	}
	return strings.Join(all, " ")
}

// wantTold does the jobs that are due, and wants the events so far.
func (f *fixture) wantTold(want string) {
	f.tb.Helper()
	f.Settle()
	if got := f.told(); got != want {
		f.tb.Errorf("told %q, want %q", got, want)
	}
}

func (f *fixture) wantStatuses(want string) {
	f.tb.Helper()
	if got := f.statuses(); got != want {
		f.tb.Errorf("the policies are %q, want %q", got, want)
	}
}

func TestPoliciesAreActedOnAtTheirTimes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 48*time.Hour), notifyBefore(30, "Hours"), notifyBefore(1, "Days"), noChangeAfter(1, "Hours"))
	f.wantStatuses("Pending Pending Pending Pending")
	f.wantTold("Create")
	f.Clock.Advance(time.Hour - time.Nanosecond)
	f.wantTold("Create")
	f.Clock.Advance(time.Nanosecond)
	f.wantStatuses("Pending Pending Pending InProgress")
	f.wantTold("Create NoChangeNotification")
	f.wantStatuses("Pending Pending Pending Finished")
	f.Clock.Advance(17 * time.Hour)
	f.wantTold("Create NoChangeNotification ExpirationNotification")
	f.Clock.Advance(6 * time.Hour)
	f.wantTold("Create NoChangeNotification ExpirationNotification ExpirationNotification")
	f.wantStatuses("Pending Finished Finished Finished")
	history, err := f.ssm.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: aws.String("/p")})
	if err != nil || statusesOf(history.Parameters[0].Policies) != "Pending Finished Finished Finished" {
		t.Errorf("history: %+v, %v", history, err)
	}
	f.Clock.Advance(24 * time.Hour)
	f.wantStatuses("gone")
	f.wantTold("Create NoChangeNotification ExpirationNotification ExpirationNotification Expiration")
	if keys := f.Keys("ssm/"); len(keys) != 0 {
		t.Errorf("left in the store: %v", keys)
	}
	of := func(kind, parameters, reason string) string {
		text, _ := json.Marshal(`{"Type":"` + kind + `","Version":"1.0","Attributes":` + parameters + `}`)
		return `{"policy-type":"` + kind + `","parameter-name":"/p","parameter-type":"String","policy-content":` + string(text) +
			`,"action-status":"Success","action-reason":"` + reason + ` This notification was generated based on the policy created at 2026-03-14T09:26:53.589Z."}`
	}
	want := []string{
		`{"operation":"Create","name":"/p","type":"String"}`,
		of("NoChangeNotification", `{"After":"1","Unit":"Hours"}`, "The parameter has not been changed for 1 hour."),
		of("ExpirationNotification", `{"Before":"30","Unit":"Hours"}`, "The parameter will expire at 2026-03-16T09:26:53.589Z."),
		of("ExpirationNotification", `{"Before":"1","Unit":"Days"}`, "The parameter will expire at 2026-03-16T09:26:53.589Z."),
		of("Expiration", `{"Timestamp":"2026-03-16T09:26:53.589Z"}`, "The parameter expired at 2026-03-16T09:26:53.589Z and was deleted."),
	}
	if d := cmp.Diff(want, f.details()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	last := f.events()[4]
	if last.DetailType != "Parameter Store Policy Action" || !last.Time.Equal(servicetest.Start.Add(48*time.Hour).Truncate(time.Second)) ||
		!cmp.Equal(last.Resources, []string{"arn:aws:ssm:eu-west-1:123456789012:parameter/p"}) {
		t.Errorf("the last is %+v", last)
	}
	records := f.Records()
	r := records[len(records)-1]
	if r.EventName != "DeleteParameter" || r.EventType != "AwsServiceEvent" || r.UserIdentity.InvokedBy != "ssm.amazonaws.com" ||
		string(r.AdditionalEventData) != `{"name":"/p","policy":"Expiration"}` || len(r.Resources) != 1 || r.Resources[0].ARN != last.Resources[0] {
		t.Errorf("the last record is %s", r.Line)
	}
}

func TestANewVersionResetsWhatItChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 10*24*time.Hour), notifyBefore(9, "Days"), noChangeAfter(2, "Days"))
	f.Clock.Advance(24 * time.Hour)
	f.wantTold("Create ExpirationNotification")
	f.assign() // the policies stay, and the time for a change begins anew
	f.wantStatuses("Pending Finished Pending")
	f.Clock.Advance(24 * time.Hour)
	f.wantTold("Create ExpirationNotification Update")
	f.Clock.Advance(24 * time.Hour)
	f.wantTold("Create ExpirationNotification Update NoChangeNotification")
	f.assign()
	f.wantStatuses("Pending Finished Pending")
	f.Clock.Advance(48 * time.Hour)
	so := "Create ExpirationNotification Update NoChangeNotification Update NoChangeNotification"
	f.wantTold(so)
	f.assign(expiringIn(f, 20*24*time.Hour), notifyBefore(9, "Days"), noChangeAfter(9, "Days")) // others, that have done nothing yet
	f.wantStatuses("Pending Pending Pending")
	f.Clock.Advance(9 * 24 * time.Hour)
	so += " Update NoChangeNotification"
	f.wantTold(so)
	f.assign("{}")
	f.wantStatuses("")
	f.Clock.Advance(365 * 24 * time.Hour)
	f.wantTold(so + " Update")
	f.get("/p")
}

func TestANotificationWhoseTimeHasPassedIsGivenAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(notifyBefore(30, "Days"), expiringIn(f, 24*time.Hour), notifyBefore(15, "Days"))
	f.wantTold("Create ExpirationNotification ExpirationNotification")
	f.wantStatuses("Finished Pending Finished")
	f.assign(notifyBefore(1, "Days")) // of an expiration that is none any more
	f.Clock.Advance(100 * 24 * time.Hour)
	f.wantTold("Create ExpirationNotification ExpirationNotification Update")
	f.wantStatuses("Pending")
}

// A parameter of the same name is another one.
func TestAPredecessorsPoliciesAreGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 2*time.Hour), noChangeAfter(1, "Hours"))
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/p")}); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(30 * time.Minute)
	f.assign(noChangeAfter(1, "Hours"))
	f.Clock.Advance(time.Hour - time.Nanosecond)
	f.wantTold("Create Delete Create")
	f.Clock.Advance(time.Nanosecond)
	f.wantTold("Create Delete Create NoChangeNotification")
	f.Clock.Advance(24 * time.Hour)
	f.wantTold("Create Delete Create NoChangeNotification")
	f.get("/p")
}

// What was due while no server ran is done at the next start, in its order.
func TestPoliciesOutliveTheServer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 3*time.Hour), notifyBefore(1, "Hours"), noChangeAfter(1, "Hours"))
	f.Restart()
	f.Clock.Advance(time.Hour)
	f.wantTold("Create NoChangeNotification")
	f.Restart()
	f.Clock.Advance(24 * time.Hour)
	f.Restart()
	f.wantTold("Create NoChangeNotification ExpirationNotification Expiration")
}

// Put again between its end and the job, a parameter has its end first, and once.
func TestAnEndThatNobodyWaitedForIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 2*time.Hour), notifyBefore(1, "Hours"))
	f.Clock.Advance(3 * time.Hour)
	f.assign()
	if got, want := f.told(), "Create ExpirationNotification Expiration Create"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	f.wantTold("Create ExpirationNotification Expiration Create")
	f.wantStatuses("")
}

func TestAClockThatIsSetBackDelaysPolicies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(noChangeAfter(1, "Hours"))
	key := f.policyJobs()[0]
	f.Clock.Advance(-time.Minute)
	f.doJob(key) // which was found to be due before
	f.Clock.Advance(time.Hour)
	f.wantTold("Create")
	f.Clock.Advance(time.Minute)
	f.wantTold("Create NoChangeNotification")
	f.wantStatuses("Finished")
}

// A job that is done twice, as after a crash, has the effect of one.
func TestAPolicyIsActedOnOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 2*time.Hour), noChangeAfter(1, "Hours"))
	key := f.policyJobs()[0]
	for _, at := range []time.Duration{time.Hour, time.Hour} {
		f.Clock.Advance(at)
		f.doJob(key)
		f.doJob(key)
		if keys := f.policyJobs(); len(keys) != 2 {
			t.Errorf("beside the job itself there are %v", keys)
		}
	}
	f.wantTold("Create NoChangeNotification Expiration")
}

func TestAParameterThatChangesOftenLeavesNoJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.assign(expiringIn(f, 1000*time.Hour), notifyBefore(1, "Days"), noChangeAfter(2, "Hours"))
	for range 30 {
		f.Clock.Advance(time.Hour)
		f.assign()
		f.Settle()
	}
	if keys := f.policyJobs(); len(keys) != 1 {
		t.Errorf("jobs: %v", keys)
	}
}

// policyJobs are the keys of the jobs that look at policies.
func (f *fixture) policyJobs() (keys []string) {
	f.tb.Helper()
	for _, key := range f.Keys("jobs/") {
		if strings.Contains(key, "/ssm-policies/") {
			keys = append(keys, key)
		}
	}
	return keys
}

// doJob does what the job under a key wants, and leaves the job.
func (f *fixture) doJob(key string) {
	f.tb.Helper()
	if err := f.gate.Jobs()["ssm-policies"].Do(f.tb.Context(), f.value(key)); err != nil {
		f.tb.Fatal(err)
	}
}
