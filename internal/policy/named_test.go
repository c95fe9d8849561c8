// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// ofResource compiles the policy of a resource that must be one.
func ofResource(t *testing.T, statements string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`), policy.KindResource)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return p
}

func TestNamed(t *testing.T) {
	t.Parallel()
	const user, role = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:role/app"
	p := ofResource(t, `{"Effect":"Allow","Principal":{"AWS":["123456789012","`+user+`"],"Service":"a.amazonaws.com"},"Action":"a:*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:root","`+role+`"]},"Action":"a:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"*","Federated":"b.example.com"},"Action":"a:*","Resource":"*"}`)
	arns, services := p.Named()
	if d := cmp.Diff([][]string{{user, role}, {"a.amazonaws.com"}}, [][]string{arns, services}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Policies that stand beside one another decide as one with all their statements.
func TestJoin(t *testing.T) {
	t.Parallel()
	if policy.Join(nil) != nil {
		t.Error("of nothing it makes a policy")
	}
	form := `{"Effect":%q,"Principal":"*","Action":%q,"Resource":"*"}`
	allow := ofResource(t, fmt.Sprintf(form, "Allow", "a:*"))
	deny := ofResource(t, fmt.Sprintf(form, "Deny", "a:Put")+","+fmt.Sprintf(form, "Allow", "b:*"))
	for name, order := range map[string][]*policy.Policy{"": {allow, deny}, " in another order": {deny, allow}} {
		set := &policy.Set{Resource: &policy.Attached{Policy: policy.Join(order)}}
		for action, want := range map[string]bool{"a:Get": true, "a:Put": false, "b:Put": true, "c:Get": false} {
			request := &policy.Request{Principal: policy.Principal{Type: policy.User, Account: "1"}, Account: "1", Action: action, Resource: "r"}
			if d := policy.Evaluate(set, request); d.Allowed != want {
				t.Errorf("%s%s: %t", action, name, d.Allowed)
			}
		}
	}
}

func TestWhatAPolicyIsAbout(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:a:eu-west-1:123456789012:thing/x"
	form := `{"Effect":"Allow","Principal":"*",%s}`
	for elements, want := range map[string][2]bool{
		`"Action":"*","Resource":"*"`:                                            {true, true},
		`"Action":["a:Get","a:*"],"Resource":["arn:aws:b:::y","` + arn + `"]`:    {true, true},
		`"Action":"A:Get","Resource":"arn:aws:a:*:123456789012:thing/*"`:         {true, true},
		`"Action":"*:Get","Resource":"arn:aws:a:*:123456789012:${aws:userid}"`:   {true, true},
		`"Action":["a:Get","b:Get"],"Resource":"arn:aws:a:*:123456789012:other"`: {false, false},
		`"NotAction":"b:*","NotResource":"` + arn + `"`:                          {true, false},
		`"NotAction":"a:Get","NotResource":"arn:aws:b:::y"`:                      {true, true},
	} {
		p := ofResource(t, fmt.Sprintf(form, elements))
		if got := [2]bool{p.NamesOnly("a"), p.About(arn)}; got != want {
			t.Errorf("%s: names the service only, is about the resource: %v", elements, got)
		}
	}
	if p := ofResource(t, fmt.Sprintf(form, `"Action":"a:*","Resource":"*"`)+","+fmt.Sprintf(form, `"Action":"a:*","Resource":"arn:aws:a:::y"`)); p.About(arn) {
		t.Error("its second statement is not looked at")
	}
}
