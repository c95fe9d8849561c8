// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	iamservice "github.com/coffer-secrets/coffer/internal/service/iam"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// machineActions is how many actions the policies of the machine allow, one each.
const machineActions = 3

// policyMachine is an account with a user in a group, and a role, and what they should be
// allowed by the plainest account of it: each decision looks at all policies anew.
type policyMachine struct {
	t       *testing.T
	server  *servicetest.Server
	account string
	client  *iam.Client
	holders []holders
	keys    map[string]servicetest.Credentials // by kind

	policies map[string]*modelManaged // by ARN
	has      []modelHolder            // in the order of holders
}

type modelManaged struct {
	versions map[int]int // the action that each version allows
	def      int
	last     int
}

type modelHolder struct {
	attached map[string]bool
	inline   map[string]int
	boundary string
}

func newPolicyMachine(t *testing.T, s *servicetest.Server, account string) *policyMachine {
	m := &policyMachine{t: t, server: s, account: account, policies: map[string]*modelManaged{}}
	m.client = iam.NewFromConfig(s.Config(s.UserIn(account, "admin", servicetest.Allow("*", "*"))))
	m.holders = withHoldersIn(t, s, account, m.client)
	m.keys = map[string]servicetest.Credentials{"role": session(t, s, account, "app")}
	m.keys["user"] = s.UserIn(account, "ada")
	for range m.holders {
		m.has = append(m.has, modelHolder{attached: map[string]bool{}, inline: map[string]int{}})
	}
	return m
}

func action(n int) string { return fmt.Sprintf("t:A%d", n) }

// uses is how many have a policy, and how many are bounded by it.
func (m *policyMachine) uses(arn string) (attached, bounds int) {
	for _, h := range m.has {
		if h.attached[arn] {
			attached++
		}
		if h.boundary == arn {
			bounds++
		}
	}
	return attached, bounds
}

// allows says whether the policies of some of the holders allow an action.
func (m *policyMachine) allows(n int, holders ...modelHolder) bool {
	for _, h := range holders {
		for arn := range h.attached {
			if p := m.policies[arn]; p != nil && p.versions[p.def] == n {
				return true
			}
		}
		for _, allowed := range h.inline {
			if allowed == n {
				return true
			}
		}
	}
	return false
}

// check compares the decisions.
func (m *policyMachine) check(t *rapid.T) {
	user, group, role := m.has[0], m.has[1], m.has[2]
	for n := range machineActions {
		for kind, want := range map[string]bool{
			"user": m.allows(n, user, group) && (user.boundary == "" || m.policies[user.boundary].versions[m.policies[user.boundary].def] == n),
			"role": m.allows(n, role) && (role.boundary == "" || m.policies[role.boundary].versions[m.policies[role.boundary].def] == n),
		} {
			if got := m.decide(t, m.keys[kind], action(n)); got != want {
				t.Fatalf("%s of the %s: allowed %t, want %t", action(n), kind, got, want)
			}
		}
	}
}

func (m *policyMachine) decide(t *rapid.T, as servicetest.Credentials, action string) bool {
	allowed := false
	if _, err := m.server.Store.View(m.t.Context(), func(r kv.Reader) error {
		c, err := m.server.Directory.Credential(r, as.AccessKeyID, as.SessionToken)
		if err != nil {
			return err
		}
		allowed = policy.Evaluate(c.Principal.Policies, &policy.Request{Principal: c.Principal.Principal, Account: m.account, Action: action, Resource: "*"}).Allowed
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return allowed
}

// look compares what the API lists.
func (m *policyMachine) look(t *rapid.T) {
	var want, got []string
	for arn, p := range m.policies {
		attached, bounds := m.uses(arn)
		want = append(want, fmt.Sprintf("%s v%d %d %d", arn, p.def, attached, bounds))
	}
	out, err := m.client.ListPolicies(m.t.Context(), &iam.ListPoliciesInput{Scope: "Local"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range out.Policies {
		got = append(got, fmt.Sprintf("%s %s %d %d", *p.Arn, *p.DefaultVersionId, *p.AttachmentCount, *p.PermissionsBoundaryUsageCount))
	}
	for i, h := range m.holders {
		for arn := range m.has[i].attached {
			want = append(want, h.kind+" "+arn)
		}
		for name := range m.has[i].inline {
			want = append(want, h.kind+" "+name)
		}
		attached, _, err := h.attached(m.t.Context(), h.name, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		inline, _, err := h.list(m.t.Context(), h.name, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Concat(attached, inline) {
			got = append(got, h.kind+" "+name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("what there is (-want +got):\n%s", diff)
	}
}

// TestPolicyMachine holds all operations on policies, in any order, to a model of what
// there is afterwards and what it allows.
func TestPolicyMachine(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, iamservice.Bind)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := newPolicyMachine(t, s, fmt.Sprintf("%012d", runs))
		actions := map[string]func(*rapid.T){
			"create": m.create, "remove": m.remove, "version": m.version, "default": m.setDefault, "remove version": m.removeVersion,
			"attach": m.attach, "detach": m.detach, "put": m.put, "remove inline": m.removeInline, "bound": m.bound, "": m.check,
		}
		for _, twice := range []string{"create", "attach", "version"} { // so that more is there to be changed
			actions[twice+" again"] = actions[twice]
		}
		rt.Repeat(maps.Clone(actions))
		m.look(rt)
	})
}
