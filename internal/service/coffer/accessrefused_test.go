// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestOtherAccountsPoliciesStayTheirs asks from both sides of a grant across accounts.
func TestOtherAccountsPoliciesStayTheirs(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	theirs := s.UserIn(other, "admin", servicetest.Allow("*", "*"))
	const partner = "arn:aws:iam::210987654321:user/partner"
	for name, as := range map[string]servicetest.Credentials{"the resource's account": s.Root, "the principal's account": theirs} {
		out, err := s.why(as, partner, "secretsmanager:GetSecretValue", s.secret)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[string]string{}
		for _, m := range out.Decisions[0].Matched {
			if m.Sid != nil || m.Policy != nil || m.AttachedTo != nil || m.Statement != nil {
				got[*m.PolicyType] = "seen"
			} else {
				got[*m.PolicyType] = "unseen"
			}
		}
		want := map[string]string{"identity-based policy": "unseen", "resource-based policy": "seen"}
		if name == "the principal's account" {
			want = map[string]string{"identity-based policy": "seen", "resource-based policy": "unseen"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, text := range []string{"arn:aws:iam::123456789012:user/reader", "reader"} {
		if _, err := s.why(theirs, text, "secretsmanager:GetSecretValue", s.secret); err == nil {
			t.Errorf("%s was explained to another account", text)
		}
	}
	if _, err := s.why(theirs, "arn:aws:iam::123456789012:user/reader", "secretsmanager:GetSecretValue", s.secret); !strings.Contains(err.Error(), "the caller's account's") {
		t.Errorf("what is none of theirs: %v", err)
	}
	_, err := awsjson.Do(t.Context(), s.client(servicetest.Region, theirs), coffer.ListAccess, &coffer.ListAccessInput{Action: new("secretsmanager:GetSecretValue"), Resource: &s.secret})
	if err == nil {
		t.Error("who has access was told to another account")
	}
	seen, err := s.why(theirs, "admin", "secretsmanager:GetSecretValue", s.secret, coffer.ContextKey{Key: new("aws:username"), Values: []string{"x"}})
	if err != nil || strings.Contains(seenText(seen), "blue") {
		t.Errorf("%v: %s", err, seenText(seen))
	}
}

func seenText(out *coffer.ExplainAccessOutput) string {
	var b strings.Builder
	if out == nil {
		return ""
	}
	for _, d := range out.Decisions {
		b.WriteString(strings.Join(d.Changes, " "))
		for _, m := range d.Unmet {
			for _, c := range m.Conditions {
				b.WriteString(strings.Join(c.Has, " "))
			}
		}
	}
	return b.String()
}

// TestTagsOfOtherAccountsAreHidden has a policy of one account ask for the tag of a secret
// of another.
func TestTagsOfOtherAccountsAreHidden(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	theirs := s.UserIn(other, "curious", strings.ReplaceAll(tagged, `"blue"`, `"red"`), servicetest.Allow("*", "coffer:*"))
	out, err := s.why(theirs, "curious", "secretsmanager:GetSecretValue", s.secret)
	if err != nil {
		t.Fatal(err)
	}
	if unmet := out.Decisions[0].Unmet; len(unmet) != 1 || *unmet[0].Sid != "Team" {
		t.Errorf("unmet: %+v", unmet)
	}
	if strings.Contains(seenText(out), "blue") {
		t.Errorf("a tag of another account's: %s", seenText(out))
	}
}

func TestExplanationsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	self := s.User("self", servicetest.Allow("arn:aws:iam::123456789012:user/self", "coffer:ExplainAccess"))
	key := func(name string) coffer.ContextKey { return coffer.ContextKey{Key: &name, Values: []string{"x"}} }
	for _, c := range []struct {
		name                  string
		as                    servicetest.Credentials
		who, action, resource string
		keys                  []coffer.ContextKey
		code                  string
	}{
		{"oneself", self, "self", "secretsmanager:GetSecretValue", "prod/db", nil, ""},
		{"somebody else", self, "reader", "secretsmanager:GetSecretValue", "prod/db", nil, "AccessDeniedException"},
		{"nobody, to who may not ask", self, "nobody", "secretsmanager:GetSecretValue", "prod/db", nil, "AccessDeniedException"},
		{"a principal of another account, to who may not ask", self, "arn:aws:iam::210987654321:user/partner", "secretsmanager:GetSecretValue", s.secret, nil, "AccessDeniedException"},
		{"nobody", s.Root, "user/nobody", "secretsmanager:GetSecretValue", "prod/db", nil, "ResourceNotFoundException"},
		{"a role of another path", s.Root, "arn:aws:iam::123456789012:role/app", "secretsmanager:GetSecretValue", "prod/db", nil, "ResourceNotFoundException"},
		{"a group", s.Root, "group/devs", "secretsmanager:GetSecretValue", "prod/db", nil, "ValidationException"},
		{"a secret", s.Root, s.secret, "secretsmanager:GetSecretValue", "prod/db", nil, "ValidationException"},
		{"no name", s.Root, "user/", "secretsmanager:GetSecretValue", "prod/db", nil, "ValidationException"},
		{"a session's name that can't be", s.Root, "role/app/a b", "secretsmanager:GetSecretValue", "prod/db", nil, "ValidationException"},
		{"no action", s.Root, "reader", "GetSecretValue", "prod/db", nil, "ValidationException"},
		{"a pattern of actions", s.Root, "reader", "secretsmanager:*", "prod/db", nil, "ValidationException"},
		{"a key twice", s.Root, "reader", "secretsmanager:GetSecretValue", "prod/db", []coffer.ContextKey{key("aws:a"), key("AWS:A")}, "ValidationException"},
	} {
		_, err := s.why(c.as, c.who, c.action, c.resource, c.keys...)
		answer, _ := errors.AsType[*api.Error](err)
		if c.code == "" && err != nil || c.code != "" && (answer == nil || answer.Code != c.code) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if _, err := awsjson.Do(t.Context(), s.client(servicetest.Region, s.Root), coffer.ListAccess, &coffer.ListAccessInput{Action: new("ssm:GetParameter"), Resource: new("x"), NextToken: new("x")}); err == nil {
		t.Error("a token of nobody's was taken")
	}
}
