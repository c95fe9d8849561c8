// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// The principals of the tables: all of one account, but for the stranger.
var (
	root = policy.Principal{Type: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root"}
	ada  = policy.Principal{Type: policy.User, Account: account, ARN: "arn:aws:iam::123456789012:user/ada"}
	app  = policy.Principal{
		Type: policy.AssumedRole, Account: account,
		ARN: "arn:aws:sts::123456789012:assumed-role/app/s1", Issuer: "arn:aws:iam::123456789012:role/service/app",
	}
	temp = policy.Principal{
		Type: policy.FederatedUser, Account: account,
		ARN: "arn:aws:sts::123456789012:federated-user/ada", Issuer: "arn:aws:iam::123456789012:user/ada",
	}
	robot = policy.Principal{Type: policy.Service, ARN: "rotation.amazonaws.com"}
	web   = policy.Principal{Type: policy.WebIdentity, Issuer: "arn:aws:iam::123456789012:oidc-provider/token.example.com"}
)

// elsewhere is an account that none of them is of.
const elsewhere = "999999999999"

// to is the policy of a resource with one statement for a principal, as JSON.
func to(effect, principal string) string {
	return doc(fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":"*","Resource":"*"}`, effect, principal))
}

func onResource(tb testing.TB, documents ...string) *policy.Attached {
	tb.Helper()
	statements := ""
	for i, document := range documents {
		if i > 0 {
			statements += ","
		}
		statements += document[len(`{"Version":"2012-10-17","Statement":`) : len(document)-1]
	}
	p, err := policy.Parse([]byte(doc("["+statements+"]")), policy.KindResource)
	if err != nil {
		tb.Fatalf("Parse(%s): %v", documents, err)
	}
	return &policy.Attached{Name: "resource", Policy: p}
}

func request(who policy.Principal, owner string) *policy.Request {
	return &policy.Request{Principal: who, Account: owner, Action: "secretsmanager:GetSecretValue", Resource: secret}
}

// TestImplicitDeniesInOtherPolicies is the User Guide's table "Resource-based policies
// and implicit denies in other policy types (same account)": nothing but the policy of
// the resource allows.
func TestImplicitDeniesInOtherPolicies(t *testing.T) {
	t.Parallel()
	other := attach(t, createUser)
	for _, c := range []struct {
		name      string
		who       policy.Principal
		principal string
		set       policy.Set
		want      policy.Kind // that lacks an allow, 0 if it is allowed
	}{
		{"a role's session by its role", app, `{"AWS":"arn:aws:iam::123456789012:role/service/app"}`, policy.Set{}, 0},
		{"by its role, in a boundary", app, `{"AWS":"arn:aws:iam::123456789012:role/service/app"}`, policy.Set{Boundary: &other[0]}, policy.KindBoundary},
		{"by its role, with a session policy", app, `{"AWS":"arn:aws:iam::123456789012:role/service/app"}`, policy.Set{Session: other}, policy.KindSession},
		{"a role's session itself", app, `{"AWS":"arn:aws:sts::123456789012:assumed-role/app/s1"}`, policy.Set{Boundary: &other[0], Session: other}, 0},
		{"another session of the role", app, `{"AWS":"arn:aws:sts::123456789012:assumed-role/app/s2"}`, policy.Set{}, policy.KindIdentity},
		{"a user", ada, `{"AWS":"arn:aws:iam::123456789012:user/ada"}`, policy.Set{Identity: other, Boundary: &other[0]}, 0},
		{"another user", ada, `{"AWS":"arn:aws:iam::123456789012:user/Ada"}`, policy.Set{}, policy.KindIdentity},
		{"a federated user by the user", temp, `{"AWS":"arn:aws:iam::123456789012:user/ada"}`, policy.Set{Session: other}, policy.KindSession},
		{"by the user, without a session policy", temp, `{"AWS":"arn:aws:iam::123456789012:user/ada"}`, policy.Set{}, policy.KindSession},
		{"a federated user itself", temp, `{"AWS":"arn:aws:sts::123456789012:federated-user/ada"}`, policy.Set{Boundary: &other[0], Session: other}, 0},
		{"everybody", ada, `"*"`, policy.Set{Boundary: &other[0]}, 0},
		{"everybody of AWS", app, `{"AWS":"*"}`, policy.Set{Boundary: &other[0], Session: other}, 0},
		{"one of several", ada, `{"AWS":["999999999999","arn:aws:iam::123456789012:user/ada"],"Service":"x.amazonaws.com"}`, policy.Set{}, 0},
		{"the account", ada, `{"AWS":"123456789012"}`, policy.Set{}, policy.KindIdentity},
		{"the account's root", app, `{"AWS":"arn:aws:iam::123456789012:root"}`, policy.Set{}, policy.KindIdentity},
		{"the root by its account", root, `{"AWS":"123456789012"}`, policy.Set{}, 0},
		{"the root of an account that is not named", root, `{"AWS":"999999999999"}`, policy.Set{}, 0},
		{"a service", robot, `{"Service":"rotation.amazonaws.com"}`, policy.Set{}, 0},
		{"another service", robot, `{"Service":"s3.amazonaws.com"}`, policy.Set{}, policy.KindResource},
		{"a service among everybody", robot, `"*"`, policy.Set{}, 0},
		{"a service is no AWS principal", robot, `{"AWS":"123456789012"}`, policy.Set{}, policy.KindResource},
		{"an identity provider", web, `{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.example.com"}`, policy.Set{}, 0},
		{"an identity provider among everybody", web, `"*"`, policy.Set{}, policy.KindResource},
		{"an identity provider among everybody of AWS", web, `{"AWS":"*"}`, policy.Set{}, policy.KindResource},
		{"another provider", web, `{"Federated":"accounts.google.com"}`, policy.Set{}, policy.KindResource},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.set.Resource = onResource(t, to("Allow", c.principal))
			want := policy.Decision{PolicyType: c.want}
			if c.want == 0 {
				want = policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}
			}
			if diff := cmp.Diff(want, policy.Evaluate(&c.set, request(c.who, account))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOtherAccounts holds the two evaluations of a call across accounts: each side has
// to allow it, and whoever is named is limited by all that limits it at home.
func TestOtherAccounts(t *testing.T) {
	t.Parallel()
	all, other := attach(t, allowAll), attach(t, createUser)
	user := to("Allow", `{"AWS":"arn:aws:iam::123456789012:user/ada"}`)
	home := to("Allow", `{"AWS":"123456789012"}`)
	for _, c := range []struct {
		name     string
		who      policy.Principal
		resource string
		set      policy.Set
		want     policy.Kind
	}{
		{"both sides, by the account", ada, home, policy.Set{Identity: all}, 0},
		{"both sides, by the user", ada, user, policy.Set{Identity: all}, 0},
		{"both sides, everybody", app, to("Allow", `"*"`), policy.Set{Identity: all}, 0},
		{"the resource's side only", ada, user, policy.Set{}, policy.KindIdentity},
		{"the caller's side only", ada, to("Allow", `{"AWS":"999999999999"}`), policy.Set{Identity: all}, policy.KindResource},
		{"a boundary limits", ada, user, policy.Set{Identity: all, Boundary: &other[0]}, policy.KindBoundary},
		{"a session policy limits", app, to("Allow", `{"AWS":"arn:aws:sts::123456789012:assumed-role/app/s1"}`), policy.Set{Identity: all, Session: other}, policy.KindSession},
		{"service control limits", ada, user, policy.Set{Identity: all, ServiceControl: [][]policy.Attached{other}}, policy.KindServiceControl},
		{"the root needs no policy of its own", root, home, policy.Set{}, 0},
		{"the root that is not let in", root, user, policy.Set{}, policy.KindResource},
		{"a service", robot, to("Allow", `{"Service":"rotation.amazonaws.com"}`), policy.Set{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.set.Resource = onResource(t, c.resource)
			want := policy.Decision{PolicyType: c.want}
			if c.want == 0 {
				want = policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}
			}
			if diff := cmp.Diff(want, policy.Evaluate(&c.set, request(c.who, elsewhere))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAResourceDenies(t *testing.T) {
	t.Parallel()
	set := policy.Set{Identity: attach(t, allowAll)}
	for principal, who := range map[string][]policy.Principal{
		`"*"`:                    {root, ada, app, temp, robot, web},
		`{"AWS":"123456789012"}`: {root, ada, app, temp},
		`{"AWS":"arn:aws:iam::123456789012:user/ada"}`:                {ada, temp},
		`{"AWS":"arn:aws:iam::123456789012:role/service/app"}`:        {app},
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/app/s1"}`:     {app},
		`{"Service":"rotation.amazonaws.com"}`:                        {robot},
		`{"Service":["rotation.amazonaws.com"],"AWS":"999999999999"}`: {robot},
	} {
		denied := map[string]bool{}
		for _, p := range who {
			denied[p.ARN] = true
		}
		for _, p := range []policy.Principal{root, ada, app, temp, robot, web} {
			set.Resource = onResource(t, to("Allow", `"*"`), to("Deny", principal))
			got := policy.Evaluate(&set, request(p, account))
			if (got.Reason == policy.ExplicitDeny && got.PolicyType == policy.KindResource) != denied[p.ARN] {
				t.Errorf("Deny to %s, %s: %+v", principal, p.ARN, got)
			}
		}
	}
}

// TestNotPrincipal has the User Guide's examples: whoever is to be taken out of a Deny
// is named with the account and, if it is a session, with the role.
func TestNotPrincipal(t *testing.T) {
	t.Parallel()
	not := func(effect, principal string) string {
		return doc(fmt.Sprintf(`{"Effect":%q,"NotPrincipal":%s,"Action":"*","Resource":"*"}`, effect, principal))
	}
	const (
		adaARN  = `"arn:aws:iam::123456789012:user/ada"`
		session = `"arn:aws:sts::123456789012:assumed-role/app/s1"`
		role    = `"arn:aws:iam::123456789012:role/service/app"`
		rootARN = `"arn:aws:iam::123456789012:root"`
	)
	boundary := attach(t, allowAll)
	for _, c := range []struct {
		names  string
		who    policy.Principal
		set    policy.Set
		denied bool
	}{
		{`{"AWS":[` + adaARN + `,` + rootARN + `]}`, ada, policy.Set{}, false},
		{`{"AWS":[` + adaARN + `,"123456789012"]}`, ada, policy.Set{}, false},
		{`{"AWS":[` + adaARN + `,` + rootARN + `]}`, app, policy.Set{}, true},
		{`{"AWS":[` + adaARN + `,` + rootARN + `]}`, root, policy.Set{}, false},
		{`{"AWS":` + adaARN + `}`, ada, policy.Set{}, true},
		{`{"AWS":` + rootARN + `}`, ada, policy.Set{}, true},
		{`{"AWS":` + adaARN + `}`, root, policy.Set{}, true},
		{`{"AWS":[` + session + `,` + role + `,` + rootARN + `]}`, app, policy.Set{}, false},
		{`{"AWS":[` + role + `,` + rootARN + `]}`, app, policy.Set{}, true},
		{`{"AWS":[` + session + `,` + rootARN + `]}`, app, policy.Set{}, true},
		{`{"AWS":[` + session + `,` + role + `]}`, app, policy.Set{}, true},
		{`{"Service":"rotation.amazonaws.com"}`, robot, policy.Set{}, false},
		{`{"Service":"rotation.amazonaws.com"}`, ada, policy.Set{}, true},
		{`"*"`, ada, policy.Set{}, false},
		// Nobody with a boundary is taken out.
		{`{"AWS":[` + adaARN + `,` + rootARN + `]}`, ada, policy.Set{Boundary: &boundary[0]}, true},
	} {
		c.set.Identity = attach(t, allowAll)
		c.set.Resource = onResource(t, to("Allow", `"*"`), not("Deny", c.names))
		if got := policy.Evaluate(&c.set, request(c.who, account)); (got.Reason == policy.ExplicitDeny) != c.denied {
			t.Errorf("Deny to all but %s, %s: %+v", c.names, c.who.ARN, got)
		}
	}
	for _, c := range []struct {
		names   string
		who     policy.Principal
		allowed bool
	}{
		{`{"AWS":` + adaARN + `}`, app, true},
		{`{"AWS":` + adaARN + `}`, ada, false},
		{`{"AWS":` + adaARN + `}`, temp, false},
		{`{"AWS":` + rootARN + `}`, ada, false},
		{`{"AWS":"999999999999"}`, ada, true},
		{`"*"`, ada, false},
	} {
		set := policy.Set{Resource: onResource(t, not("Allow", c.names)), Session: attach(t, allowAll)}
		if got := policy.Evaluate(&set, request(c.who, account)); got.Allowed != c.allowed {
			t.Errorf("Allow to all but %s, %s: %+v", c.names, c.who.ARN, got)
		}
	}
}

// TestExclusive holds what KMS documents of key policies: they alone let the account in.
func TestExclusive(t *testing.T) {
	t.Parallel()
	all := attach(t, allowAll)
	const enable = `{"AWS":"arn:aws:iam::123456789012:root"}`
	for _, c := range []struct {
		name      string
		who       policy.Principal
		principal string // empty for no policy
		identity  []policy.Attached
		want      policy.Kind
	}{
		{"the account and its identity policy", ada, enable, all, 0},
		{"the account without an identity policy", ada, enable, nil, policy.KindIdentity},
		{"a user without an identity policy", ada, `{"AWS":"arn:aws:iam::123456789012:user/ada"}`, nil, 0},
		{"an identity policy without the account", ada, `{"AWS":"arn:aws:iam::123456789012:user/bob"}`, all, policy.KindResource},
		{"the root", root, enable, nil, 0},
		{"the root, locked out", root, `{"AWS":"arn:aws:iam::123456789012:user/bob"}`, nil, policy.KindResource},
		{"no policy", root, "", nil, policy.KindResource},
	} {
		set := policy.Set{Identity: c.identity, Exclusive: true}
		if c.principal != "" {
			set.Resource = onResource(t, to("Allow", c.principal))
		}
		want := policy.Decision{PolicyType: c.want}
		if c.want == 0 {
			want = policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}
		}
		if diff := cmp.Diff(want, policy.Evaluate(&set, request(c.who, account))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestPoliciesInTheWrongPlaceDeny(t *testing.T) {
	t.Parallel()
	ofResource, ofIdentity := *onResource(t, to("Allow", `"*"`)), attach(t, allowAll)
	for kind, set := range map[policy.Kind]policy.Set{
		policy.KindResource:       {Identity: ofIdentity, Resource: &ofIdentity[0]},
		policy.KindIdentity:       {Identity: append(attach(t, allowAll), ofResource)},
		policy.KindBoundary:       {Identity: ofIdentity, Boundary: &ofResource},
		policy.KindSession:        {Identity: ofIdentity, Session: []policy.Attached{ofResource}},
		policy.KindServiceControl: {Identity: ofIdentity, ServiceControl: [][]policy.Attached{{ofResource}}},
	} {
		want := policy.Decision{Reason: policy.ExplicitDeny, PolicyType: kind}
		if diff := cmp.Diff(want, policy.Evaluate(&set, request(ada, account))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", kind, diff)
		}
	}
}

func TestExplainHasTheResourcesMatches(t *testing.T) {
	t.Parallel()
	set := &policy.Set{Resource: onResource(t, to("Allow", `"*"`), to("Allow", `{"AWS":"123456789012"}`), to("Deny", `{"AWS":"arn:aws:iam::123456789012:user/bob"}`), to("Allow", `{"AWS":"999999999999"}`))}
	want := policy.Decision{
		Allowed: true, Reason: policy.ExplicitAllow,
		Matches: []policy.Match{
			{Policy: "resource", PolicyType: policy.KindResource, Statement: 0, Effect: policy.Allow},
			{Policy: "resource", PolicyType: policy.KindResource, Statement: 1, Effect: policy.Allow},
		},
	}
	if diff := cmp.Diff(want, policy.Explain(set, request(ada, account)), placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
