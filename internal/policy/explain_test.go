// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/policy"
)

func TestExplainHasWhatConditionsKeptFromMatching(t *testing.T) {
	t.Parallel()
	set := &policy.Set{Identity: []policy.Attached{{
		Name: "tagged", Holder: "arn:aws:iam::123456789012:group/devs",
		Policy: mustParse(t, `{"Version":"2012-10-17","Statement":[
			{"Sid":"Other","Effect":"Allow","Action":"s3:Put*","Resource":"*","Condition":{"Bool":{"x:c":"true"}}},
			{"Sid":"Mine","Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":{
				"StringEquals":{"X:A":["red","blue"]},"StringLike":{"x:b":"*"},"Bool":{"x:c":"true"}}}]}`),
	}}}
	req := user("s3:GetObject", "arn:aws:s3:::a")
	req.Context = keys{"x:a": {"green"}, "x:b": {"any"}}
	want := policy.Decision{
		PolicyType: policy.KindIdentity, Lacking: []policy.Kind{policy.KindIdentity},
		Near: []policy.Match{{
			Policy: "tagged", Holder: "arn:aws:iam::123456789012:group/devs", PolicyType: policy.KindIdentity,
			Statement: 1, Sid: "Mine", Effect: policy.Allow,
			Unmet: []policy.Unmet{
				{Operator: "StringEquals", Key: "X:A", Wanted: []string{"red", "blue"}, Has: []string{"green"}},
				{Operator: "Bool", Key: "x:c", Wanted: []string{"true"}},
			},
		}},
	}
	if diff := cmp.Diff(want, policy.Explain(set, req), placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	req.Given = keys{"x:a": {"blue"}, "x:c": {"true"}}
	if d := policy.Evaluate(set, req); !d.Allowed {
		t.Errorf("what is given does not count: %+v", d)
	}
}

func TestWhatIsGivenComesBeforeThePrincipals(t *testing.T) {
	t.Parallel()
	set := &policy.Set{Identity: attach(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}}}`)}
	req := user("s3:GetObject", "*")
	req.Principal.Tags = map[string]string{"team": "red"}
	if policy.Evaluate(set, req).Allowed {
		t.Error("allowed with the principal's own tag")
	}
	req.Given = keys{"aws:principaltag/team": {"blue"}}
	if !policy.Evaluate(set, req).Allowed || !req.Has("aws:PrincipalTag/TEAM") || req.Has("aws:PrincipalTag/other") {
		t.Error("what is given is not asked first")
	}
}

// TestPlaces holds the places of statements to those that AWS shows for these policies in
// its reference of SimulateCustomPolicy, and for AdministratorAccess.
func TestPlaces(t *testing.T) {
	t.Parallel()
	admin := strings.Join([]string{`{`, `  "Version": "2012-10-17",`, `  "Statement": [`, `    {`, `      "Effect": "Allow",`, `      "Action": "*",`, `      "Resource": "*"`, `    }`, `  ]`, `}`}, "\n")
	for _, c := range []struct {
		doc  string
		want []policy.Position
	}{
		{
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`,
			[]policy.Position{{Line: 1, Column: 38}, {Line: 1, Column: 167}},
		},
		{admin, []policy.Position{{Line: 3, Column: 17}, {Line: 8, Column: 6}}},
		{
			"{\"Id\":\"\u00e9\u00e9\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\r\n  {\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"} ]}",
			[]policy.Position{{Line: 1, Column: 25}, {Line: 1, Column: 71}, {Line: 1, Column: 71}, {Line: 2, Column: 49}},
		},
	} {
		d := policy.Explain(&policy.Set{Identity: attach(t, c.doc)}, func() *policy.Request {
			req := user("dynamodb:CreateBackup", "*")
			req.Context = keys{"aws:currenttime": {"2019-04-25T11:00:00Z"}}
			return req
		}())
		var got []policy.Position
		for _, m := range d.Matches {
			got = append(got, m.Start, m.End)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.doc, diff)
		}
	}
}

func TestKeysOfAPolicy(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"dynamodb:*","Resource":["arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}","*"],
		 "Condition":{"DateGreaterThan":{"aws:CurrentTime":"2015-08-16T12:00:00Z"},"StringLike":{"aws:UserName":"${aws:PrincipalTag/Team, 'none'}*"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/${*}":"${aws:userid}"}}}]}`)
	want := []string{"aws:username", "aws:CurrentTime", "aws:PrincipalTag/Team", "aws:RequestTag/${*}", "aws:userid"}
	if diff := cmp.Diff(want, p.Keys()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if keys := mustParse(t, allowAll).Keys(); keys != nil {
		t.Errorf("keys of a policy without any: %q", keys)
	}
}

// TestAnExplanationHoldsTogether checks an explanation against itself: what it lacks and
// what matched say what the decision is, and what is near is near for a reason.
func TestAnExplanationHoldsTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, repeat(func(t *rapid.T) {
		set, req := genSet().Draw(t, "set"), genRequest().Draw(t, "request")
		d := policy.Explain(&set, req)
		denied := len(d.Matches) > 0 && d.Matches[0].Effect == policy.Deny
		if want := !denied && len(d.Lacking) == 0; d.Allowed != want {
			t.Errorf("allowed: %v, with %+v and lacking %v", d.Allowed, d.Matches, d.Lacking)
		}
		if !d.Allowed && !denied && d.PolicyType != d.Lacking[0] {
			t.Errorf("at fault is %v, lacking %v", d.PolicyType, d.Lacking)
		}
		for _, m := range d.Matches {
			if len(m.Unmet) > 0 || m.Start == (policy.Position{}) {
				t.Errorf("matched: %+v", m)
			}
		}
		for _, m := range d.Near {
			if len(m.Unmet) == 0 {
				t.Errorf("near: %+v", m)
			}
		}
	}))
}
