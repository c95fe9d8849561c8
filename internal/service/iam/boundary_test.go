// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestDelegatedAdministrator is the guide's example of a boundary: who may give
// permissions, but only to those bounded as she is, and may not take the bounds off
// anybody (IAM User Guide, "Delegating responsibility to others using permissions
// boundaries").
func TestDelegatedAdministrator(t *testing.T) {
	t.Parallel()
	s, root := newClient(t)
	ctx := t.Context()
	all := withHolders(t, s, root)
	bound, other := managed(t, root, "/", "bound", servicetest.Allow("*", "*")), managed(t, root, "/", "other", allowing("a:b"))
	maria := iam.NewFromConfig(s.Config(s.User("maria", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:PutUserPolicy","iam:DeleteUserPolicy","iam:AttachUserPolicy","iam:DetachUserPolicy","iam:PutUserPermissionsBoundary",
			"iam:AttachRolePolicy","iam:PutRolePolicy","iam:PutRolePermissionsBoundary"],"Resource":"*",
			"Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+bound+`"}}},
		{"Effect":"Deny","Action":["iam:Attach*","iam:Detach*"],"Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AdministratorAccess"}}},
		{"Effect":"Deny","Action":["iam:DeleteUserPermissionsBoundary","iam:DeleteRolePermissionsBoundary"],"Resource":"*"}]}`)))
	forbidden := func(what string, err error) {
		t.Helper()
		if answer, ok := errors.AsType[smithy.APIError](err); !ok || answer.ErrorCode() != "AccessDenied" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i, h := range []holders{userHolders(maria), roleHolders(maria)} {
		byRoot := all[i*2]
		forbidden("a policy for somebody unbounded", h.attach(ctx, h.name, other))
		forbidden("an inline policy for somebody unbounded", h.put(ctx, h.name, "p", allowing("a:b")))
		forbidden("other bounds", h.boundary(ctx, h.name, other))
		must(t, h.boundary(ctx, h.name, bound))
		must(t, h.attach(ctx, h.name, other), h.put(ctx, h.name, "p", allowing("a:b")))
		forbidden("a policy that she may not give", h.attach(ctx, h.name, "arn:aws:iam::aws:policy/AdministratorAccess"))
		forbidden("wider bounds", h.boundary(ctx, h.name, "arn:aws:iam::aws:policy/AdministratorAccess"))
		forbidden("no bounds", h.noBoundary(ctx, h.name))
		must(t, byRoot.boundary(ctx, h.name, other))
		forbidden("a policy for somebody bounded otherwise", h.attach(ctx, h.name, bound))
	}
}

// TestTagsOfEntitiesDecide holds that policies on policies can ask for their tags.
func TestTagsOfEntitiesDecide(t *testing.T) {
	t.Parallel()
	s, root := newClient(t)
	ctx := t.Context()
	create := func(c *iam.Client, name, team string) (string, error) {
		out, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: new(allowing("a:b")), Tags: tags("team", team)})
		if err != nil {
			return "", err
		}
		return *out.Policy.Arn, nil
	}
	ours, err := create(root, "ours", "a")
	must(t, err)
	theirs, err := create(root, "theirs", "b")
	must(t, err)
	c := iam.NewFromConfig(s.Config(s.User("ada", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:DeletePolicy","Resource":"arn:aws:iam::*:policy/*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}},
		{"Effect":"Allow","Action":["iam:CreatePolicy","iam:TagPolicy"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}]}`)))
	if _, err := create(c, "new", "b"); err == nil {
		t.Error("a policy with another's tag was made")
	}
	if _, err := create(c, "new", "a"); err != nil {
		t.Error(err)
	}
	if err := second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &theirs})); err == nil {
		t.Error("a policy with another's tag was deleted")
	}
	if err := second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &ours})); err != nil {
		t.Error(err)
	}
}

// TestWhatTheConfigurationOwns holds that nothing changes a principal of the
// configuration file.
func TestWhatTheConfigurationOwns(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	withHolders(t, s, c)
	arn := managed(t, c, "/", "p", allowing("a:b"))
	h := configured(t, s, userHolders(c))
	for what, err := range map[string]error{
		"put": h.put(ctx, h.name, "p", allowing("a:b")), "delete": h.delete(ctx, h.name, "p"), "attach": h.attach(ctx, h.name, arn),
		"detach": h.detach(ctx, h.name, arn), "boundary": h.boundary(ctx, h.name, arn), "no boundary": h.noBoundary(ctx, h.name),
	} {
		t.Log(what)
		refused(t, err, "UnmodifiableEntity", "The user ada belongs to the configuration file of the server. Change it there.")
	}
}
