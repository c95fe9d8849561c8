// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// element is a statement to be written as JSON.
type element struct {
	Effect                  string
	Principal, NotPrincipal map[string][]string            `json:",omitempty"`
	Action, NotAction       []string                       `json:",omitempty"`
	Resource, NotResource   []string                       `json:",omitempty"`
	Condition               map[string]map[string][]string `json:",omitempty"`
}

// The alphabets are small, so that what is generated meets.
var (
	actions   = []string{"s3:Get", "s3:Put", "kms:Decrypt"}
	resources = []string{"arn:aws:s3:::a", "arn:aws:s3:::b:c", "arn:aws:kms:x:1:key/a"}

	genAction   = rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "s3:*", "*:*t", "s3:?et", "S3:GET"}, actions...)), 1, 2)
	genResource = rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "arn:aws:s3:::*", "arn:aws:s3:::?", "arn:aws:kms:*", "arn:aws:s3:::${x:a}"}, resources...)), 1, 2)
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
		if rapid.Bool().Draw(t, "conditional") {
			e.Condition = rapid.MapOfN(genOperator, rapid.MapOfN(rapid.SampledFrom([]string{"x:a", "X:B"}), genOperands, 1, 2), 1, 2).Draw(t, "condition")
			e = e.fitting()
		}
		return e
	})
}

// repeat makes one check of many, as a single small case says little.
func repeat(check func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		for range 20 {
			check(t)
		}
	}
}

// The operators of conditions, on keys of few values, which all of them can read.
var (
	genOperator = rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"Null", "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringNotEqualsIgnoreCase", "NumericLessThan"}).Draw(t, "operator")
		if name != "Null" && rapid.IntRange(0, 3).Draw(t, "if exists") == 0 {
			name += "IfExists"
		}
		return rapid.SampledFrom([]string{"", "ForAllValues:", "ForAnyValue:"}).Draw(t, "set") + name
	})
	genOperands = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "1", "2", "*", "?", "${x:a}"}), 1, 2)
)

// fitting are the operands that an operator takes.
func (e element) fitting() element {
	all := map[string]map[string][]string{}
	for operator, byKey := range e.Condition {
		all[operator] = map[string][]string{}
		for key, values := range byKey {
			if strings.Contains(operator, "Null") {
				values = []string{strconv.FormatBool(len(values) == 1)}
			} else if strings.Contains(operator, "Numeric") {
				values = []string{strconv.Itoa(len(values))}
			}
			all[operator][key] = values
		}
	}
	e.Condition = all
	return e
}

// genNamed makes a statement for the policy of a resource.
func genNamed() *rapid.Generator[element] {
	return rapid.Custom(func(t *rapid.T) element {
		e := genStatement("Allow", "Deny").Draw(t, "statement")
		named := map[string][]string{"AWS": rapid.SliceOfN(rapid.SampledFrom([]string{
			"*", account, "999999999999", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/r", "arn:aws:sts::123456789012:assumed-role/r/s",
		}), 1, 3).Draw(t, "names")}
		if rapid.IntRange(0, 3).Draw(t, "not principal") == 0 {
			e.NotPrincipal = named
		} else {
			e.Principal = named
		}
		return e
	})
}

func genStatements() *rapid.Generator[[]element] {
	return rapid.SliceOfN(genStatement("Allow", "Deny"), 1, 5)
}

func compile(t *rapid.T, statements []element) policy.Attached {
	return compileAs(t, policy.KindIdentity, statements)
}

func compileAs(t *rapid.T, kind policy.Kind, statements []element) policy.Attached {
	doc, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(doc, kind)
	if err != nil {
		t.Fatalf("Parse(%s): %v", doc, err)
	}
	return policy.Attached{Name: string(doc), Policy: p}
}

func genNaive() *rapid.Generator[naiveSet] {
	return rapid.Custom(func(t *rapid.T) naiveSet {
		group := func(label string, most int) (list [][]element) {
			for range rapid.IntRange(0, most).Draw(t, label) {
				list = append(list, genStatements().Draw(t, label))
			}
			return list
		}
		set := naiveSet{identity: group("identity", 3), session: group("session", 1), control: group("service control", 1)}
		if b := group("boundary", 1); b != nil {
			set.boundary = b[0]
		}
		if rapid.Bool().Draw(t, "has a policy") {
			set.resource = rapid.SliceOfN(genNamed(), 1, 4).Draw(t, "resource")
		}
		set.exclusive = rapid.IntRange(0, 3).Draw(t, "exclusive") == 0
		return set
	})
}

func (n naiveSet) compile(t *rapid.T) policy.Set {
	group := func(policies [][]element) (list []policy.Attached) {
		for _, p := range policies {
			list = append(list, compile(t, p))
		}
		return list
	}
	set := policy.Set{Identity: group(n.identity), Session: group(n.session), Exclusive: n.exclusive}
	for _, p := range n.control {
		set.ServiceControl = append(set.ServiceControl, group([][]element{p}))
	}
	if n.boundary != nil {
		set.Boundary = new(compile(t, n.boundary))
	}
	if n.resource != nil {
		set.Resource = new(compileAs(t, policy.KindResource, n.resource))
	}
	return set
}

func genSet() *rapid.Generator[policy.Set] {
	return rapid.Custom(func(t *rapid.T) policy.Set {
		return genNaive().Draw(t, "set").compile(t)
	})
}

func genRequest() *rapid.Generator[*policy.Request] {
	return rapid.Custom(func(t *rapid.T) *policy.Request {
		r := user(rapid.SampledFrom(actions).Draw(t, "action"), rapid.SampledFrom(resources).Draw(t, "resource"))
		switch p := &r.Principal; rapid.IntRange(0, 3).Draw(t, "principal") {
		case 0:
			p.Type, p.ARN = policy.Root, "arn:aws:iam::123456789012:root"
		case 1:
			p.Type, p.ARN, p.Issuer = policy.AssumedRole, "arn:aws:sts::123456789012:assumed-role/r/s", "arn:aws:iam::123456789012:role/r"
		case 2:
			p.Type, p.ARN, p.Issuer = policy.FederatedUser, "arn:aws:sts::123456789012:federated-user/x", p.ARN
		}
		r.Account = rapid.SampledFrom([]string{account, account, account, "999999999999"}).Draw(t, "account")
		values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "A", "1", "2"}), 0, 2, rapid.ID[string])
		r.Context = keys{"x:a": values.Draw(t, "x:a"), "x:b": values.Draw(t, "x:b")}
		return r
	})
}

// genGrant leaves most requests without a grant.
var genGrant = rapid.SampledFrom([]policy.Grant{
	policy.NotGranted, policy.NotGranted, policy.NotGranted, policy.GrantedToAccount, policy.GrantedToPrincipal,
})

func TestTheEngineDecidesAsTheUserGuideTellsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, repeat(func(t *rapid.T) {
		set, req := genNaive().Draw(t, "set"), genRequest().Draw(t, "request")
		req.Granted = genGrant.Draw(t, "granted")
		compiled := set.compile(t)
		if got, want := policy.Evaluate(&compiled, req), (naive{req, set}).allowed(); got.Allowed != want {
			t.Errorf("%+v; want %v", got, want)
		}
	}))
}

func TestADenyIsNeverOvercome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		deny := compile(t, []element{{Effect: "Deny", Action: []string{req.Action}, Resource: []string{req.Resource}}})
		switch rapid.IntRange(0, 4).Draw(t, "place") {
		case 0:
			set.Identity = append(set.Identity, deny)
		case 1:
			set.Session = append(set.Session, deny)
		case 2:
			set.Boundary = &deny
		case 3:
			set.ServiceControl = append(set.ServiceControl, []policy.Attached{deny})
		case 4:
			all := element{Effect: "Deny", Principal: map[string][]string{"AWS": {"*"}}, Action: []string{"*"}, Resource: []string{"*"}}
			set.Resource = new(compileAs(t, policy.KindResource, []element{all}))
		}
		req.Granted = genGrant.Draw(t, "granted")
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
		if diff := cmp.Diff(want, outcome(got)); diff != "" {
			t.Errorf("(-Evaluate +Explain):\n%s", diff)
		}
	})
}

// TestAGrantIsAnIdentityPolicysAllow holds that a grant to a principal does what an
// identity policy that allows everything does in the resource's account, and so gets past
// no limit.
func TestAGrantIsAnIdentityPolicysAllow(t *testing.T) {
	t.Parallel()
	all := attach(t, allowAll)
	rapid.Check(t, func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		req.Account, set.Exclusive = req.Principal.Account, false
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
		granted.Granted = policy.GrantedToPrincipal
		if diff := cmp.Diff(policy.Evaluate(&allowed, req), policy.Evaluate(&set, &granted)); diff != "" {
			t.Errorf("(-allowed +granted):\n%s", diff)
		}
	})
}
