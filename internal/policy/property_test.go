// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// element is a statement to be written as JSON.
type element struct {
	Effect                string
	Action, NotAction     []string `json:",omitempty"`
	Resource, NotResource []string `json:",omitempty"`
}

// The alphabets are small, so that what is generated meets.
var (
	actions   = []string{"s3:Get", "s3:Put", "kms:Decrypt"}
	resources = []string{"arn:aws:s3:::a", "arn:aws:s3:::b:c", "arn:aws:kms:x:1:key/a"}

	genAction   = rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "s3:*", "*:*t", "s3:?et", "S3:GET"}, actions...)), 1, 2)
	genResource = rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "arn:aws:s3:::*", "arn:aws:s3:::?", "arn:aws:kms:*"}, resources...)), 1, 2)
)

func genStatement(effects ...string) *rapid.Generator[element] {
	return rapid.Custom(func(t *rapid.T) element {
		e := element{Effect: rapid.SampledFrom(effects).Draw(t, "effect")}
		if a := genAction.Draw(t, "action"); rapid.IntRange(0, 3).Draw(t, "not action") == 0 {
			e.NotAction = a
		} else {
			e.Action = a
		}
		if r := genResource.Draw(t, "resource"); rapid.IntRange(0, 3).Draw(t, "not resource") == 0 {
			e.NotResource = r
		} else {
			e.Resource = r
		}
		return e
	})
}

func genStatements() *rapid.Generator[[]element] {
	return rapid.SliceOfN(genStatement("Allow", "Deny"), 1, 5)
}

func compile(t *rapid.T, statements []element) policy.Attached {
	doc, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(doc, policy.KindIdentity)
	if err != nil {
		t.Fatalf("Parse(%s): %v", doc, err)
	}
	return policy.Attached{Name: string(doc), Policy: p}
}

func genSet() *rapid.Generator[policy.Set] {
	return rapid.Custom(func(t *rapid.T) policy.Set {
		group := func(label string, most int) (list []policy.Attached) {
			for range rapid.IntRange(0, most).Draw(t, label) {
				list = append(list, compile(t, genStatements().Draw(t, label)))
			}
			return list
		}
		set := policy.Set{Identity: group("identity", 3), Session: group("session", 1)}
		if b := group("boundary", 1); len(b) > 0 {
			set.Boundary = &b[0]
		}
		if level := group("service control", 1); len(level) > 0 {
			set.ServiceControl = append(set.ServiceControl, level)
		}
		return set
	})
}

func genRequest() *rapid.Generator[*policy.Request] {
	return rapid.Custom(func(t *rapid.T) *policy.Request {
		r := user(rapid.SampledFrom(actions).Draw(t, "action"), rapid.SampledFrom(resources).Draw(t, "resource"))
		r.Principal.Type = rapid.SampledFrom([]policy.PrincipalType{policy.User, policy.Root, policy.AssumedRole, policy.FederatedUser}).Draw(t, "type")
		r.Account = rapid.SampledFrom([]string{account, account, account, "999999999999"}).Draw(t, "account")
		return r
	})
}

func TestADenyIsNeverOvercome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		deny := compile(t, []element{{Effect: "Deny", Action: []string{req.Action}, Resource: []string{req.Resource}}})
		switch rapid.IntRange(0, 3).Draw(t, "place") {
		case 0:
			set.Identity = append(set.Identity, deny)
		case 1:
			set.Session = append(set.Session, deny)
		case 2:
			set.Boundary = &deny
		case 3:
			set.ServiceControl = append(set.ServiceControl, []policy.Attached{deny})
		}
		if d := policy.Evaluate(&set, req); d.Allowed || d.Reason != policy.ExplicitDeny {
			t.Errorf("%+v", d)
		}
	})
}

func TestADenyNeverWidensAndAnAllowNeverNarrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		statements := genStatements().Draw(t, "statements")
		decide := func(extra ...element) bool {
			with := set
			with.Identity = append(slices.Clone(set.Identity), compile(t, append(slices.Clone(statements), extra...)))
			return policy.Evaluate(&with, req).Allowed
		}
		before := decide()
		if decide(genStatement("Deny").Draw(t, "deny")) && !before {
			t.Error("a Deny widens")
		}
		if !decide(genStatement("Allow").Draw(t, "allow")) && before {
			t.Error("an Allow narrows")
		}
	})
}

func TestLimitsNeverWiden(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		limit := compile(t, genStatements().Draw(t, "limit"))
		free := policy.Set{Identity: set.Identity, Session: set.Session}
		before := policy.Evaluate(&free, req).Allowed
		bounded := free
		bounded.Boundary = &limit
		controlled := free
		controlled.ServiceControl = [][]policy.Attached{{limit}}
		for _, with := range []policy.Set{bounded, controlled} {
			if policy.Evaluate(&with, req).Allowed && !before {
				t.Errorf("%+v widens", limit)
			}
		}
		if free.Session == nil && req.Principal.Type != policy.FederatedUser {
			free.Session = []policy.Attached{limit}
			if policy.Evaluate(&free, req).Allowed && !before {
				t.Errorf("%+v widens as a session policy", limit)
			}
		}
	})
}

func TestOrderNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		statements := genStatements().Draw(t, "statements")
		shuffled := set
		set.Identity = append(slices.Clone(set.Identity), compile(t, statements))
		mixed := rapid.Permutation(statements).Draw(t, "mixed")
		shuffled.Identity = rapid.Permutation(append(slices.Clone(shuffled.Identity), compile(t, mixed))).Draw(t, "policies")
		if diff := cmp.Diff(policy.Evaluate(&set, req), policy.Evaluate(&shuffled, req)); diff != "" {
			t.Errorf("(-in order +mixed):\n%s", diff)
		}
	})
}

func TestNotIsTheComplement(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		req := genRequest().Draw(t, "request")
		req.Account, req.Principal.Type = account, policy.User
		allowed := func(e element) bool {
			e.Effect = "Allow"
			return policy.Evaluate(&policy.Set{Identity: []policy.Attached{compile(t, []element{e})}}, req).Allowed
		}
		a, r, star := genAction.Draw(t, "actions"), genResource.Draw(t, "resources"), []string{"*"}
		if allowed(element{Action: a, Resource: star}) == allowed(element{NotAction: a, Resource: star}) {
			t.Errorf("NotAction %v", a)
		}
		if allowed(element{Action: star, Resource: r}) == allowed(element{Action: star, NotResource: r}) {
			t.Errorf("NotResource %v", r)
		}
	})
}

func TestExplainDecidesAsEvaluate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		want, got := policy.Evaluate(&set, req), policy.Explain(&set, req)
		denials := slices.ContainsFunc(got.Matches, func(m policy.Match) bool { return m.Effect == policy.Deny })
		if denials != (got.Reason == policy.ExplicitDeny) {
			t.Errorf("%v with %+v", got.Reason, got.Matches)
		}
		got.Matches = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-Evaluate +Explain):\n%s", diff)
		}
	})
}

// TestAGrantIsAnIdentityPolicysAllow holds that a grant of the resource does what an
// identity policy that allows everything does, and so gets past no limit.
func TestAGrantIsAnIdentityPolicysAllow(t *testing.T) {
	t.Parallel()
	all := attach(t, allowAll)
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		limit := compile(t, genStatements().Draw(t, "limit"))
		switch rapid.IntRange(0, 3).Draw(t, "limits") {
		case 1:
			set.Boundary = &limit
		case 2:
			set.Session = []policy.Attached{limit}
		case 3:
			set.ServiceControl = [][]policy.Attached{{limit}}
		}
		allowed := set
		allowed.Identity = append(slices.Clone(set.Identity), all...)
		granted := *req
		granted.Granted = true
		if diff := cmp.Diff(policy.Evaluate(&allowed, req), policy.Evaluate(&set, &granted)); diff != "" {
			t.Errorf("(-allowed +granted):\n%s", diff)
		}
	})
}
