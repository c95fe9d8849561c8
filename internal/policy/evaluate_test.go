// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/policy"
)

const (
	account = "123456789012"
	secret  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"

	allowAll = `{"Version":"2012-10-17","Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}`
	denyAll  = `{"Version":"2012-10-17","Statement":{"Sid":"None","Effect":"Deny","Action":"*","Resource":"*"}}`

	// The examples of the IAM User Guide's page on the policy evaluation logic.
	carlos = `{"Version":"2012-10-17","Statement":[
		{"Sid":"AllowS3ListRead","Effect":"Allow","Action":["s3:GetBucketLocation","s3:GetAccountPublicAccessBlock","s3:ListAccessPoints","s3:ListAllMyBuckets"],"Resource":"arn:aws:s3:::*"},
		{"Sid":"AllowS3Self","Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::carlossalazar/*","arn:aws:s3:::carlossalazar"]},
		{"Sid":"DenyS3Logs","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::*log*"}]}`
	reports = `{"Version":"2012-10-17","Statement":[
		{"Sid":"AllowGetList","Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"},
		{"Sid":"DenyReports","Effect":"Deny","Action":"iam:*Report","Resource":"*"}]}`
	// Those of its pages on NotAction and NotResource.
	notAction   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"arn:aws:s3:::*"}}`
	notResource = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::HRBucket/Payroll","arn:aws:s3:::HRBucket/Payroll/*"]}]}`
	// And that of its page on permissions boundaries.
	boundary   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","cloudwatch:*","ec2:*"],"Resource":"*"}}`
	createUser = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*"}}`
)

func user(action, resource string) *policy.Request {
	return &policy.Request{
		Principal: policy.Principal{Type: policy.User, Account: account, ARN: "arn:aws:iam::123456789012:user/x"},
		Account:   account, Action: action, Resource: resource,
	}
}

func attach(tb testing.TB, docs ...string) []policy.Attached {
	tb.Helper()
	var list []policy.Attached
	for _, doc := range docs {
		list = append(list, policy.Attached{Name: "p", Policy: mustParse(tb, doc)})
	}
	return list
}

func TestIdentityPolicies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		docs             []string
		action, resource string
		want             policy.Reason
	}{
		{"nothing is attached", nil, "s3:ListAllMyBuckets", "*", policy.ImplicitDeny},
		{"listed on all buckets", []string{carlos}, "s3:GetBucketLocation", "arn:aws:s3:::any", policy.ExplicitAllow},
		{"not listed on other buckets", []string{carlos}, "s3:GetObject", "arn:aws:s3:::any/x", policy.ImplicitDeny},
		{"all on the own bucket", []string{carlos}, "s3:PutObject", "arn:aws:s3:::carlossalazar/x", policy.ExplicitAllow},
		{"deny before allow", []string{carlos}, "s3:PutObject", "arn:aws:s3:::carlossalazar-logs/x", policy.ExplicitDeny},
		{"deny on the own bucket", []string{carlos}, "s3:PutObject", "arn:aws:s3:::carlossalazar/logs", policy.ExplicitDeny},
		{"an action allowed by wildcard", []string{reports}, "iam:GetUser", "*", policy.ExplicitAllow},
		{"an action not mentioned", []string{reports}, "iam:CreatePolicy", "*", policy.ImplicitDeny},
		{"an action allowed and denied", []string{reports}, "iam:GetOrganizationsAccessReport", "*", policy.ExplicitDeny},
		{"an action denied for good", []string{reports, allowAll}, "iam:GenerateCredentialReport", "*", policy.ExplicitDeny},
		{"actions in any case", []string{reports}, "IAM:getuser", "*", policy.ExplicitAllow},
		{"a deny in any case", []string{reports, allowAll}, "iam:getORGANIZATIONSaccessREPORT", "*", policy.ExplicitDeny},
		{"two policies add up", []string{reports, carlos}, "iam:ListUsers", "*", policy.ExplicitAllow},
		{"not action, another", []string{notAction}, "s3:CreateBucket", "arn:aws:s3:::b", policy.ExplicitAllow},
		{"not action, the same", []string{notAction}, "s3:DeleteBucket", "arn:aws:s3:::b", policy.ImplicitDeny},
		{"not action, the same in another case", []string{notAction}, "S3:deletebucket", "arn:aws:s3:::b", policy.ImplicitDeny},
		{"not resource, another", []string{notResource}, "s3:GetObject", "arn:aws:s3:::HRBucket/Other", policy.ExplicitDeny},
		{"not resource, the same", []string{notResource}, "s3:GetObject", "arn:aws:s3:::HRBucket/Payroll/x", policy.ExplicitAllow},
		{"resources in one case only", []string{notResource}, "s3:GetObject", "arn:aws:s3:::hrbucket/Payroll/x", policy.ExplicitDeny},
		{"a short ARN covers the rest", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:secretsmanager"}}`}, "secretsmanager:GetSecretValue", secret, policy.ExplicitAllow},
		{"a name that is no ARN", []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:secretsmanager:*:*:*"}}`}, "secretsmanager:GetSecretValue", "prod/db", policy.ImplicitDeny},
		{"a name under a star", []string{allowAll}, "secretsmanager:GetSecretValue", "prod/db", policy.ExplicitAllow},
		{"no resource under a star", []string{allowAll}, "sts:GetCallerIdentity", "", policy.ExplicitAllow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := &policy.Set{Identity: attach(t, c.docs...)}
			want := policy.Decision{Allowed: c.want == policy.ExplicitAllow, Reason: c.want}
			if !want.Allowed {
				want.PolicyType = policy.KindIdentity
			}
			if diff := cmp.Diff(want, policy.Evaluate(set, user(c.action, c.resource))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyTypes(t *testing.T) {
	t.Parallel()
	one := func(doc string) *policy.Attached { return &attach(t, doc)[0] }
	all := attach(t, allowAll)
	allow := policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}
	implicit := func(k policy.Kind) policy.Decision { return policy.Decision{PolicyType: k} }
	explicit := func(k policy.Kind) policy.Decision {
		return policy.Decision{Reason: policy.ExplicitDeny, PolicyType: k}
	}
	for _, c := range []struct {
		name   string
		set    policy.Set
		action string
		want   policy.Decision
	}{
		{"boundary and identity", policy.Set{Identity: attach(t, createUser), Boundary: one(boundary)}, "iam:CreateUser", implicit(policy.KindBoundary)},
		{"boundary grants nothing", policy.Set{Boundary: one(boundary)}, "s3:GetObject", implicit(policy.KindIdentity)},
		{"both allow", policy.Set{Identity: all, Boundary: one(boundary)}, "s3:GetObject", allow},
		{"boundary denies", policy.Set{Identity: all, Boundary: one(denyAll)}, "s3:GetObject", explicit(policy.KindBoundary)},
		{"session limits", policy.Set{Identity: all, Session: attach(t, createUser)}, "s3:GetObject", implicit(policy.KindSession)},
		{"session grants nothing", policy.Set{Session: all}, "s3:GetObject", implicit(policy.KindIdentity)},
		{"one of two session policies allows", policy.Set{Identity: all, Session: attach(t, createUser, boundary)}, "s3:GetObject", allow},
		{"one of two session policies denies", policy.Set{Identity: all, Session: attach(t, allowAll, denyAll)}, "s3:GetObject", explicit(policy.KindSession)},
		{"each level allows", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{all, attach(t, createUser, boundary)}}, "s3:GetObject", allow},
		{"one level does not allow", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{all, attach(t, createUser), all}}, "s3:GetObject", implicit(policy.KindServiceControl)},
		{"a level without policies", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{{}}}, "s3:GetObject", implicit(policy.KindServiceControl)},
		{"service control denies", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{attach(t, allowAll, denyAll)}}, "s3:GetObject", explicit(policy.KindServiceControl)},
		{"service control grants nothing", policy.Set{ServiceControl: [][]policy.Attached{all}}, "s3:GetObject", implicit(policy.KindIdentity)},
		{"explicit before implicit", policy.Set{Identity: attach(t, denyAll), ServiceControl: [][]policy.Attached{attach(t, createUser)}}, "s3:GetObject", explicit(policy.KindIdentity)},
		{"the first of two denials", policy.Set{Identity: attach(t, denyAll), Session: attach(t, denyAll)}, "s3:GetObject", explicit(policy.KindIdentity)},
		{"an unreadable policy", policy.Set{Identity: append(attach(t, allowAll), policy.Attached{Name: "broken"})}, "s3:GetObject", explicit(policy.KindIdentity)},
		{"a policy that was not parsed", policy.Set{Identity: append(attach(t, allowAll), policy.Attached{Policy: new(policy.Policy)})}, "s3:GetObject", explicit(policy.KindIdentity)},
		{"an unreadable boundary", policy.Set{Identity: all, Boundary: &policy.Attached{}}, "s3:GetObject", explicit(policy.KindBoundary)},
		{"an identity policy on a resource", policy.Set{Identity: all, Resource: one(allowAll)}, "s3:GetObject", explicit(policy.KindResource)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := user(c.action, "arn:aws:s3:::b")
			if diff := cmp.Diff(c.want, policy.Evaluate(&c.set, req)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, outcome(policy.Explain(&c.set, req))); diff != "" {
				t.Errorf("Explain (-want +got):\n%s", diff)
			}
		})
	}
}

// outcome is an explanation without what it explains.
func outcome(d policy.Decision) policy.Decision {
	d.Matches, d.Near, d.Lacking = nil, nil, nil
	return d
}

// placeless leaves out where statements stand, and what they name.
var placeless = cmpopts.IgnoreFields(policy.Match{}, "Start", "End", "Actions", "Resources")

func TestPrincipals(t *testing.T) {
	t.Parallel()
	all, none := attach(t, allowAll), attach(t, denyAll)
	for _, c := range []struct {
		name      string
		principal policy.Principal
		account   string
		set       policy.Set
		want      policy.Decision
	}{
		{"root in its account", policy.Principal{Type: policy.Root, Account: account}, account, policy.Set{}, policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}},
		{"root in another", policy.Principal{Type: policy.Root, Account: account}, "999999999999", policy.Set{}, policy.Decision{PolicyType: policy.KindResource}},
		{"root of no account", policy.Principal{Type: policy.Root}, "", policy.Set{}, policy.Decision{PolicyType: policy.KindResource}},
		{"root under service control", policy.Principal{Type: policy.Root, Account: account}, account, policy.Set{ServiceControl: [][]policy.Attached{all, none}}, policy.Decision{Reason: policy.ExplicitDeny, PolicyType: policy.KindServiceControl}},
		{"root that service control does not allow", policy.Principal{Type: policy.Root, Account: account}, account, policy.Set{ServiceControl: [][]policy.Attached{attach(t, createUser)}}, policy.Decision{PolicyType: policy.KindServiceControl}},
		{"a user in another account", policy.Principal{Type: policy.User, Account: account}, "999999999999", policy.Set{Identity: all}, policy.Decision{PolicyType: policy.KindResource}},
		{"a user of no account", policy.Principal{Type: policy.User}, "", policy.Set{Identity: all}, policy.Decision{PolicyType: policy.KindResource}},
		{"nobody", policy.Principal{}, account, policy.Set{}, policy.Decision{PolicyType: policy.KindIdentity}},
		{"a role session", policy.Principal{Type: policy.AssumedRole, Account: account}, account, policy.Set{Identity: all}, policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}},
		{"a federated user without a session policy", policy.Principal{Type: policy.FederatedUser, Account: account}, account, policy.Set{Identity: all}, policy.Decision{PolicyType: policy.KindSession}},
		{"a federated user with one", policy.Principal{Type: policy.FederatedUser, Account: account}, account, policy.Set{Identity: all, Session: all}, policy.Decision{Allowed: true, Reason: policy.ExplicitAllow}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := &policy.Request{Principal: c.principal, Account: c.account, Action: "s3:GetObject", Resource: "arn:aws:s3:::b"}
			if diff := cmp.Diff(c.want, policy.Evaluate(&c.set, req)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainHasEveryMatch(t *testing.T) {
	t.Parallel()
	set := &policy.Set{
		Identity: []policy.Attached{{Name: "carlos", Policy: mustParse(t, carlos)}, {Name: "all", Policy: mustParse(t, allowAll)}, {Name: "broken"}},
		Session:  []policy.Attached{{Name: "none", Policy: mustParse(t, denyAll)}},
	}
	want := policy.Decision{
		Reason: policy.ExplicitDeny, PolicyType: policy.KindIdentity,
		Matches: []policy.Match{
			{Policy: "carlos", PolicyType: policy.KindIdentity, Statement: 2, Sid: "DenyS3Logs"},
			{Policy: "broken", PolicyType: policy.KindIdentity, Statement: -1},
			{Policy: "none", PolicyType: policy.KindSession, Statement: 0, Sid: "None"},
			{Policy: "carlos", PolicyType: policy.KindIdentity, Statement: 1, Sid: "AllowS3Self", Effect: policy.Allow},
			{Policy: "all", PolicyType: policy.KindIdentity, Statement: 0, Sid: "All", Effect: policy.Allow},
		},
		Lacking: []policy.Kind{policy.KindSession},
	}
	if diff := cmp.Diff(want, policy.Explain(set, user("s3:PutObject", "arn:aws:s3:::carlossalazar/log")), placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplainGoesOnAfterWhatIsLacking(t *testing.T) {
	t.Parallel()
	set := &policy.Set{Session: []policy.Attached{{Name: "all", Policy: mustParse(t, allowAll)}}}
	want := policy.Decision{
		PolicyType: policy.KindIdentity,
		Matches:    []policy.Match{{Policy: "all", PolicyType: policy.KindSession, Sid: "All", Effect: policy.Allow}},
		Lacking:    []policy.Kind{policy.KindIdentity},
	}
	if diff := cmp.Diff(want, policy.Explain(set, user("s3:PutObject", "*")), placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	const head = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: secretsmanager:GetSecretValue"
	deny := attach(t, denyAll)
	all := attach(t, allowAll)
	some := attach(t, createUser)
	for _, c := range []struct {
		resource string
		set      policy.Set
		want     string
	}{
		{"prod/db", policy.Set{}, head + " on resource: prod/db because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		{"", policy.Set{}, head + " because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		{secret, policy.Set{Identity: deny}, head + " on resource: " + secret + " with an explicit deny in an identity-based policy"},
		{secret, policy.Set{Identity: all, Boundary: &some[0]}, head + " on resource: " + secret + " because no permissions boundary allows the secretsmanager:GetSecretValue action"},
		{secret, policy.Set{Identity: all, Boundary: &deny[0]}, head + " on resource: " + secret + " with an explicit deny in a permissions boundary"},
		{"", policy.Set{Identity: all, Session: some}, head + " because no session policy allows the secretsmanager:GetSecretValue action"},
		{"", policy.Set{Identity: all, Session: deny}, head + " with an explicit deny in a session policy"},
		{"", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{some}}, head + " because no service control policy allows the secretsmanager:GetSecretValue action"},
		{"", policy.Set{Identity: all, ServiceControl: [][]policy.Attached{deny}}, head + " with an explicit deny in a service control policy"},
		{secret, policy.Set{Identity: all}, ""},
	} {
		req := user("secretsmanager:GetSecretValue", c.resource)
		d := policy.Evaluate(&c.set, req)
		if got := d.Message(req); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	other := user("secretsmanager:GetSecretValue", "")
	other.Account = "999999999999"
	d := policy.Evaluate(&policy.Set{Identity: all}, other)
	if got, want := d.Message(other), head+" because no resource-based policy allows the secretsmanager:GetSecretValue action"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	t.Parallel()
	var d policy.Decision
	if d.Allowed || d.Reason != policy.ImplicitDeny || d.Message(user("a:b", "")) == "" {
		t.Errorf("%+v", d)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := []string{policy.Kind(0).String(), policy.Kind(99).String(), policy.KindIdentity.String(), policy.Allow.String(), policy.Deny.String(), policy.ImplicitDeny.String(), policy.ExplicitDeny.String(), policy.ExplicitAllow.String()}
	want := []string{"no policy", "no policy", "identity-based policy", "Allow", "Deny", "implicit deny", "explicit deny", "allow"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
