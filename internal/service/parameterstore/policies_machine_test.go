// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// policyMachine is one parameter with policies, and what AWS's guide says of them in the
// plainest way: what is due is looked for in all of them each time.
type policyMachine struct {
	f    *fixture
	name string
	want []string // the events to be, in short

	exists             bool
	assigned, modified time.Time
	expires            time.Time // zero for never
	policies           []modelPolicy
}

// modelPolicy is a policy with its period, in hours.
type modelPolicy struct {
	kind  string
	hours int
	acted bool
}

func (m *policyMachine) due(p modelPolicy) time.Time {
	period := time.Duration(p.hours) * time.Hour
	switch {
	case p.kind == "Expiration":
		return m.expires
	case p.kind == "NoChangeNotification":
		return m.modified.Add(period)
	case m.expires.IsZero():
		return m.f.Clock.Now().Add(time.Hour) // always later
	case m.expires.Add(-period).Before(m.assigned):
		return m.assigned
	}
	return m.expires.Add(-period)
}

// act does what is due, the oldest first.
func (m *policyMachine) act() {
	for m.exists {
		next := -1
		for i, p := range m.policies {
			if p.acted || m.due(p).After(m.f.Clock.Now()) {
				continue
			}
			if next < 0 || m.due(p).Before(m.due(m.policies[next])) ||
				m.due(p).Equal(m.due(m.policies[next])) && m.policies[next].kind == "Expiration" {
				next = i
			}
		}
		if next < 0 {
			return
		}
		m.policies[next].acted = true
		m.want = append(m.want, m.policies[next].kind)
		m.exists = m.policies[next].kind != "Expiration"
	}
}

// put puts the parameter, with new policies if they are given.
func (m *policyMachine) put(given []modelPolicy) {
	if m.exists && !m.expires.IsZero() && !m.f.Clock.Now().Before(m.expires) {
		m.act()
	}
	in := &awsssm.PutParameterInput{
		Name: &m.name, Value: aws.String("v"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
	}
	now := m.f.Clock.Now()
	if !m.exists {
		m.policies, m.expires = nil, time.Time{}
	}
	if given != nil {
		m.assigned, m.expires, m.policies = now, time.Time{}, given
		var texts []string
		for _, p := range given {
			switch p.kind {
			case "Expiration":
				m.expires = now.Add(time.Duration(p.hours) * time.Hour)
				texts = append(texts, expiring(m.expires.Format(time.RFC3339Nano)))
			case "ExpirationNotification":
				texts = append(texts, notifyBefore(p.hours, "Hours"))
			default:
				texts = append(texts, noChangeAfter(p.hours, "Hours"))
			}
		}
		if len(texts) == 0 {
			texts = []string{"{}"}
		}
		in.Policies = aws.String(policies(texts...))
	}
	for i := range m.policies {
		m.policies[i].acted = m.policies[i].acted && m.policies[i].kind != "NoChangeNotification"
	}
	m.want = append(m.want, map[bool]string{true: "Update", false: "Create"}[m.exists])
	m.exists, m.modified = true, now
	m.f.put(in)
}

// check compares the events of this parameter with what they should be.
func (m *policyMachine) check(t *rapid.T) {
	var got []string
	for _, e := range m.f.events() {
		var detail map[string]string
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		if detail["name"]+detail["parameter-name"] == m.name {
			got = append(got, detail["operation"]+detail["policy-type"])
		}
	}
	if d := cmp.Diff(m.want, got); d != "" {
		t.Fatalf("events (-want +got):\n%s", d)
	}
}

var drawPolicies = rapid.Custom(func(t *rapid.T) []modelPolicy {
	given := []modelPolicy{}
	if rapid.Bool().Draw(t, "expires") {
		given = append(given, modelPolicy{kind: "Expiration", hours: rapid.IntRange(1, 48).Draw(t, "in")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "notifications") {
		kind := rapid.SampledFrom([]string{"ExpirationNotification", "NoChangeNotification"}).Draw(t, "kind")
		given = append(given, modelPolicy{kind: kind, hours: rapid.IntRange(1, 24).Draw(t, "hours")})
	}
	return given
})

// delete deletes the parameter, if it is there.
func (m *policyMachine) delete(t *rapid.T) {
	_, err := m.f.ssm.DeleteParameter(m.f.tb.Context(), &awsssm.DeleteParameterInput{Name: &m.name})
	gone := !m.exists || !m.expires.IsZero() && !m.f.Clock.Now().Before(m.expires)
	if (code(err) == "ParameterNotFound") != gone {
		t.Fatalf("deleting it: %v", err)
	}
	if !gone {
		m.exists, m.want = false, append(m.want, "Delete")
	}
}

// doTwice does the jobs that are due, and leaves them.
func (m *policyMachine) doTwice() {
	for _, key := range m.f.policyJobs() {
		if key < fmt.Sprintf("jobs/%016x", m.f.Clock.Now().UnixNano()+1) {
			m.f.doJob(key)
		}
	}
	m.act()
}

// Whatever happens to a parameter, and whenever jobs are done, and however often, each
// policy is acted on once, in the order of time.
func TestThePolicyMachine(t *testing.T) {
	t.Parallel()
	f, n := newFixture(t), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		m := &policyMachine{f: f, name: fmt.Sprintf("/machine/%d", n)}
		m.put(drawPolicies.Draw(t, "policies"))
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"time", "time", "time", "do", "do", "do twice", "put", "assign", "delete"}).Draw(t, "step") {
			case "time":
				f.Clock.Advance(time.Duration(rapid.IntRange(1, 12).Draw(t, "hours")) * time.Hour)
			case "do":
				f.Settle()
				m.act()
			case "do twice":
				m.doTwice()
			case "put":
				m.put(nil)
			case "assign":
				m.put(drawPolicies.Draw(t, "policies"))
			case "delete":
				m.delete(t)
			}
			m.check(t)
		}
		m.delete(t)
	})
}
