// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

func seeds(f *testing.F) []string {
	f.Helper()
	return []string{
		"", "{}", allowAll, denyAll, carlos, reports, notAction, notResource, boundary,
		with(`"Condition":{"StringEquals":{"aws:PrincipalTag/team":["a",1,true]}}`),
		with(`"Principal":{"AWS":["123456789012"]}`),
		resource(`["arn:aws:fdsasf","a:b","arn:aws:s3:::${*}","arn:aws:s3:::${aws:username}"]`),
		strings.Repeat("[", 100), with(`"Sid":"\ud800"`),
		to("Allow", `{"AWS":["arn:aws:iam::123456789012:user/x","*"],"Service":"s3.amazonaws.com"}`),
		to("Deny", `"*"`),
		doc(`{"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity"}`),
		stating("Deny", `{"ForAnyValue:StringLike":{"x:k":["${x:k, 'a'}*","${*}?"]},"NumericLessThanIfExists":{"x:k":1.5}}`),
		stating("Allow", `{"DateGreaterThan":{"x:k":"2026-01-01T00:00Z"},"IpAddress":{"x:k":"2001:db8::/32"},"ArnLike":{"x:k":"arn:*:*:*:*:${x:k}"},"BinaryEquals":{"x:k":"YQ=="},"Null":{"x:k":false}}`),
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for kind := policy.KindIdentity; kind <= policy.KindTrust; kind++ {
			p, err := policy.Parse(doc, kind)
			if (p == nil) == (err == nil) {
				t.Fatalf("Parse = %v, %v", p, err)
			}
			if _, bad := errors.AsType[*policy.MalformedError](err); err != nil && !bad {
				t.Errorf("an error of another type: %v", err)
			}
			if p != nil && kind != policy.KindResource && kind != policy.KindTrust && p.Public() {
				t.Error("a policy without principals is public")
			}
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s), "arn:aws:s3:::carlossalazar/logs", "2026-01-01T00:00Z")
	}
	f.Fuzz(func(t *testing.T, doc []byte, resource, value string) {
		req := user("s3:GetObject", resource)
		req.Context = keys{"x:k": {value}, "x:two": {value, resource}}
		set := &policy.Set{Identity: attach(t, allowAll)}
		if p, err := policy.Parse(doc, policy.KindIdentity); err == nil {
			set.Identity = []policy.Attached{{Policy: p}}
		} else if p, err := policy.Parse(doc, policy.KindResource); err == nil {
			set.Resource, set.Exclusive = &policy.Attached{Policy: p}, true
		} else if p, err := policy.Parse(doc, policy.KindTrust); err == nil {
			set.Resource, set.Exclusive = &policy.Attached{Policy: p}, true
		} else {
			return
		}
		d, full := policy.Evaluate(set, req), policy.Explain(set, req)
		if d.Allowed != full.Allowed || d.Reason != full.Reason || d.PolicyType != full.PolicyType {
			t.Errorf("Evaluate %+v, Explain %+v", d, full)
		}
		if d.Allowed != (d.Message(req) == "") {
			t.Errorf("%+v says %q", d, d.Message(req))
		}
		set.Boundary = &policy.Attached{Policy: mustParse(t, denyAll)}
		if policy.Evaluate(set, req).Reason != policy.ExplicitDeny {
			t.Error("a Deny on all is overcome")
		}
	})
}

// benchSet is ten policies of twenty statements, of which the last allows.
func benchSet(tb testing.TB) *policy.Set {
	tb.Helper()
	set := &policy.Set{}
	for i := range 10 {
		var list []string
		for j := range 20 {
			effect, verb := "Allow", []string{"GetSecretValue", "Describe*", "*Secret", "PutSecretValue"}[j%4]
			if j%5 == 0 {
				effect = "Deny"
			}
			list = append(list, fmt.Sprintf(`{"Effect":%q,"Action":["secretsmanager:%s","kms:Decrypt"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:team%d-%d/*"}`, effect, verb, i, j))
		}
		if i == 9 {
			list[19] = `{"Effect":"Allow","Action":"secretsmanager:Get*","Resource":"arn:aws:secretsmanager:*:*:secret:prod/*"}`
		}
		set.Identity = append(set.Identity, policy.Attached{Policy: mustParse(tb, doc("["+strings.Join(list, ",")+"]"))})
	}
	return set
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	set, req := benchSet(t), user("secretsmanager:GetSecretValue", secret)
	set.Boundary, set.Session, set.ServiceControl = &set.Identity[9], set.Identity, [][]policy.Attached{set.Identity}
	set.Resource = onResource(t, to("Allow", `{"AWS":["arn:aws:iam::123456789012:user/y","123456789012"]}`))
	if !policy.Evaluate(set, req).Allowed {
		t.Fatal("not allowed")
	}
	if n := testing.AllocsPerRun(100, func() { policy.Evaluate(set, req) }); n != 0 {
		t.Errorf("Evaluate allocates %v times", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	set := benchSet(b)
	root := user("secretsmanager:GetSecretValue", secret)
	root.Principal.Type = policy.Root
	conditional := *set
	conditional.Identity = slices.Clone(set.Identity)
	conditional.Identity[9] = attach(b, stating("Allow", `{"StringEquals":{"aws:PrincipalAccount":"123456789012"},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]}}`))[0]
	conditional.Resource = onResource(b, to("Allow", `{"AWS":"arn:aws:iam::123456789012:user/y"}`), to("Deny", `{"AWS":"999999999999"}`))
	from := user("secretsmanager:GetSecretValue", secret)
	from.Context = keys{"aws:sourceip": {"203.0.113.9"}}
	variable := policy.Set{Identity: attach(b, doc(`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/stage, 'prod'}/*"}`))}
	for name, c := range map[string]struct {
		set *policy.Set
		req *policy.Request
	}{
		"root":           {&policy.Set{}, root},
		"1 policy":       {&policy.Set{Identity: attach(b, allowAll)}, user("secretsmanager:GetSecretValue", secret)},
		"10x20 allow":    {set, user("secretsmanager:GetSecretValue", secret)},
		"10x20 no match": {set, user("ssm:GetParameter", secret)},
		"10x20 allow, conditions and resource policy": {&conditional, from},
		"a variable": {&variable, user("secretsmanager:GetSecretValue", secret)},
	} {
		b.Run(name, func(b *testing.B) {
			if !policy.Evaluate(c.set, c.req).Allowed && name != "10x20 no match" {
				b.Fatal("not allowed")
			}
			b.ReportAllocs()
			for b.Loop() {
				policy.Evaluate(c.set, c.req)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, carlos)
	}
}
