// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// session makes a session of a role, limited by managed policies, as STS does.
func session(t testing.TB, s *servicetest.Server, account, role string, limits ...string) (c servicetest.Credentials) {
	t.Helper()
	if _, err := s.Store.View(t.Context(), func(r kv.Reader) error {
		p, err := s.Directory.Principals.Get(r, account, string(identity.Role), role)
		if err != nil {
			return err
		}
		key, err := s.Directory.StartSession(p, identity.NewSession{Session: "i-1", Duration: time.Hour, Terms: identity.Terms{PolicyARNs: limits}}, s.Clock.Now())
		if err != nil {
			return err
		}
		c = servicetest.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPoliciesHoldOnTheNextCall holds that whatever changes the policies of somebody holds
// for the next call that they make.
func TestPoliciesHoldOnTheNextCall(t *testing.T) {
	onEach(t, func(t *testing.T, s *servicetest.Server, c *iam.Client, h holders) {
		ctx := t.Context()
		as := s.User("ada")
		if h.kind == "role" {
			as = session(t, s, servicetest.Account, "app")
		}
		mine := iam.NewFromConfig(s.Config(as))
		may := func(after string, want bool) {
			t.Helper()
			_, err := mine.ListPolicies(ctx, nil)
			if (err == nil) != want {
				t.Errorf("after %s: %v", after, err)
			}
		}
		list, other := allowing("iam:ListPolicies"), allowing("a:b")
		may("nothing", false)
		must(t, h.put(ctx, h.name, "in", list))
		may("an inline policy", true)
		must(t, h.put(ctx, h.name, "in", other))
		may("another inline policy", false)
		must(t, h.put(ctx, h.name, "in", list), h.delete(ctx, h.name, "in"))
		may("no inline policy", false)

		arn := managed(t, c, "/", "p", list)
		must(t, h.attach(ctx, h.name, arn))
		may("a managed policy", true)
		must(t, second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &other})))
		may("a version that does not hold", true)
		must(t, second(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new("v2")})))
		may("another version", false)
		must(t, second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &list, SetAsDefault: true})))
		may("a new version that holds", true)
		must(t, h.detach(ctx, h.name, arn))
		may("no managed policy", false)
		must(t, h.attach(ctx, h.name, "arn:aws:iam::aws:policy/IAMReadOnlyAccess"))
		may("one of AWS's", true)
		if h.boundary == nil {
			return
		}
		narrow, wide := managed(t, c, "/", "narrow", other), managed(t, c, "/", "wide", list)
		must(t, h.boundary(ctx, h.name, narrow))
		may("a boundary", false)
		must(t, h.boundary(ctx, h.name, wide))
		may("a wider boundary", true)
		must(t, second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &wide, PolicyDocument: &other, SetAsDefault: true})))
		may("another version of the boundary", false)
		must(t, h.noBoundary(ctx, h.name))
		may("no boundary", true)
		must(t, h.noBoundary(ctx, h.name)) // it is gone already
	})
}

// TestADeletedPolicyOfASession holds that a session which was limited by a policy may
// nothing any more when that is gone.
func TestADeletedPolicyOfASession(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	role := withHolders(t, s, c)[2]
	must(t, role.put(ctx, role.name, "in", allowing("iam:ListPolicies")))
	arn := managed(t, c, "/", "limit", allowing("iam:*"))
	limited := iam.NewFromConfig(s.Config(session(t, s, servicetest.Account, role.name, arn)))
	must(t, second(limited.ListPolicies(ctx, nil)))
	must(t, second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn})))
	if _, err := limited.ListPolicies(ctx, nil); err == nil {
		t.Error("the session outlived its limit")
	}
}

// TestRecordsStayAsTheyWereRead holds that a change leaves alone what others have read:
// the directory shares it.
func TestRecordsStayAsTheyWereRead(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	user := withHolders(t, s, c)[0]
	arn := managed(t, c, "/", "p", allowing("a:b"))
	must(t, user.attach(ctx, user.name, arn), user.attach(ctx, user.name, "arn:aws:iam::aws:policy/IAMReadOnlyAccess"), user.put(ctx, user.name, "p", allowing("a:b")))
	must(t, second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowing("a:c"))})),
		second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowing("a:d"))})))
	read := func() (p *identity.Principal, m *identity.ManagedPolicy) {
		if _, err := s.Store.View(ctx, func(r kv.Reader) (err error) {
			if p, err = s.Directory.Principals.Get(r, servicetest.Account, string(identity.User), user.name); err != nil {
				return err
			}
			m, err = s.Directory.Policy(r, arn)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return p, m
	}
	for name, change := range map[string]func() error{
		"an inline policy replaced": func() error { return user.put(ctx, user.name, "p", allowing("a:d")) },
		"a policy detached":         func() error { return user.detach(ctx, user.name, "arn:aws:iam::aws:policy/IAMReadOnlyAccess") },
		"a version deleted": func() error {
			return second(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: new("v2")}))
		},
		"another default version": func() error {
			return second(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new("v1")}))
		},
	} {
		principal, policy := read()
		before := fmt.Sprint(principal, policy)
		must(t, change())
		if after := fmt.Sprint(principal, policy); after != before {
			t.Errorf("%s: what was read is now\n%s, and was\n%s", name, after, before)
		}
	}
}
