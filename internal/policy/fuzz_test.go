// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
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
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := policy.Parse(doc, policy.KindIdentity)
		if (p == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", p, err)
		}
		_, bad := errors.AsType[*policy.MalformedError](err)
		_, unsupported := errors.AsType[*policy.UnsupportedError](err)
		if err != nil && !bad && !unsupported {
			t.Errorf("an error of another type: %v", err)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s), "s3:GetObject", "arn:aws:s3:::carlossalazar/logs")
	}
	f.Fuzz(func(t *testing.T, doc []byte, action, resource string) {
		p, err := policy.Parse(doc, policy.KindIdentity)
		if err != nil {
			return
		}
		req := user(action, resource)
		set := &policy.Set{Identity: []policy.Attached{{Policy: p}}}
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
	for name, c := range map[string]struct {
		set *policy.Set
		req *policy.Request
	}{
		"root":           {&policy.Set{}, root},
		"1 policy":       {&policy.Set{Identity: attach(b, allowAll)}, user("secretsmanager:GetSecretValue", secret)},
		"10x20 allow":    {set, user("secretsmanager:GetSecretValue", secret)},
		"10x20 no match": {set, user("ssm:GetParameter", secret)},
	} {
		b.Run(name, func(b *testing.B) {
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
