// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// trusts is a trust policy with spaces in it, of one statement for a principal.
func trusts(principal string) string {
	return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": ` + principal + `, "Action": "sts:AssumeRole"}]}`
}

var trustsAccount = trusts(`{"AWS": "` + servicetest.Account + `"}`)

// makeRole makes a role that the account may assume.
func makeRole(t *testing.T, c *iam.Client, name string) *types.Role {
	t.Helper()
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trustsAccount})
	if err != nil {
		t.Fatal(err)
	}
	return out.Role
}

func TestRole(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	made, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: new("app"), Path: new("/team/"), AssumeRolePolicyDocument: &trustsAccount, Description: new("of the app"),
		MaxSessionDuration: new(int32(7200)), PermissionsBoundary: new("arn:aws:iam::aws:policy/AdministratorAccess"),
		Tags: []types.Tag{{Key: new("team"), Value: new("orders")}, {Key: new("Env"), Value: new("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &types.Role{
		Arn: new("arn:aws:iam::123456789012:role/team/app"), Path: new("/team/"), RoleName: new("app"), Description: new("of the app"),
		MaxSessionDuration: new(int32(7200)), CreateDate: new(s.Clock.Now().Truncate(0)),
		AssumeRolePolicyDocument: new(strings.ReplaceAll(url.QueryEscape(trustsAccount), "+", "%20")),
		PermissionsBoundary: &types.AttachedPermissionsBoundary{
			PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: new("arn:aws:iam::aws:policy/AdministratorAccess"),
		},
		Tags: []types.Tag{{Key: new("Env"), Value: new("")}, {Key: new("team"), Value: new("orders")}},
	}
	unset := []cmp.Option{cmpopts.IgnoreUnexported(types.Role{}, types.Tag{}, types.AttachedPermissionsBoundary{}), cmpopts.IgnoreFields(types.Role{}, "RoleId", "CreateDate")}
	if diff := cmp.Diff(want, made.Role, unset...); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if id := *made.Role.RoleId; !strings.HasPrefix(id, "AROA") || len(id) != 21 {
		t.Errorf("the role's id is %s", id)
	}
	s.Restart()
	got, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: new("app")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.Role, got.Role, unset[0]); diff != "" {
		t.Errorf("kept (-made +got):\n%s", diff)
	}
	listed, err := c.ListRoles(t.Context(), &iam.ListRolesInput{PathPrefix: new("/team/")})
	if err != nil || len(listed.Roles) != 1 {
		t.Fatalf("listed %v, %v", listed, err)
	}
	want.PermissionsBoundary, want.Tags = nil, nil
	if diff := cmp.Diff(want, &listed.Roles[0], unset...); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestRoleChanges(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	makeRole(t, c, "app")
	ctx := t.Context()
	if _, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: new("app"), MaxSessionDuration: new(int32(43200)), Description: new("one")}); err != nil {
		t.Fatal(err)
	}
	described, err := c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: new("app"), Description: new("two")})
	if err != nil || *described.Role.Description != "two" || *described.Role.MaxSessionDuration != 43200 {
		t.Fatalf("described as %+v, %v", described, err)
	}
	other := trusts(`{"Service":"lambda.amazonaws.com"}`)
	if _, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: new("app"), PolicyDocument: &other}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: new("app")}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: new("app")})
	if err != nil {
		t.Fatal(err)
	}
	if document, err := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument); err != nil || document != other {
		t.Errorf("trusts %s, %v", document, err)
	}
	if *got.Role.MaxSessionDuration != 3600 || *got.Role.Description != "two" {
		t.Errorf("an update without a length leaves %d seconds and %s", *got.Role.MaxSessionDuration, *got.Role.Description)
	}
	profiles, err := c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: new("app")})
	if err != nil || len(profiles.InstanceProfiles) != 0 || profiles.IsTruncated {
		t.Errorf("instance profiles: %v, %v", profiles, err)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: new("app")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: new("app")})
	wantFault(t, "a deleted role", err, "NoSuchEntity", "The role with name app cannot be found.")
}

func TestRoleFaults(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	makeRole(t, c, "App")
	create := func(in iam.CreateRoleInput) error {
		if in.RoleName == nil {
			in.RoleName = new("other")
		}
		if in.AssumeRolePolicyDocument == nil {
			in.AssumeRolePolicyDocument = &trustsAccount
		}
		_, err := c.CreateRole(ctx, &in)
		return err
	}
	long := trusts(`{"AWS":[` + strings.Repeat(`"`+servicetest.Account+`", `, 150) + `"*"]}`)
	for name, f := range map[string]struct {
		err           error
		code, message string
	}{
		"a name that differs in case": {create(iam.CreateRoleInput{RoleName: new("aPP")}), "EntityAlreadyExists", "Role with name aPP already exists."},
		"half a document":             {create(iam.CreateRoleInput{AssumeRolePolicyDocument: new("{")}), "MalformedPolicyDocument", "This policy contains invalid Json"},
		"a resource": {
			create(iam.CreateRoleInput{AssumeRolePolicyDocument: new(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}`)}),
			"MalformedPolicyDocument", "Has prohibited field Resource",
		},
		"nobody": {
			create(iam.CreateRoleInput{AssumeRolePolicyDocument: new(trusts(`{"AWS":"arn:aws:iam::123456789012:user/eve"}`))}),
			"MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/eve"`,
		},
		"a document too long":   {create(iam.CreateRoleInput{AssumeRolePolicyDocument: &long}), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
		"a session too long":    {create(iam.CreateRoleInput{MaxSessionDuration: new(int32(43201))}), "ValidationError", ""},
		"a session too short":   {create(iam.CreateRoleInput{MaxSessionDuration: new(int32(3599))}), "ValidationError", ""},
		"a boundary of nothing": {create(iam.CreateRoleInput{PermissionsBoundary: new("arn:aws:iam::123456789012:policy/none")}), "NoSuchEntity", "Scope ARN: arn:aws:iam::123456789012:policy/none does not exist or is not attachable."},
		"tags of one key": {
			create(iam.CreateRoleInput{Tags: []types.Tag{{Key: new("a"), Value: new("")}, {Key: new("A"), Value: new("")}}}),
			"InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
		},
		"a change of none": {
			func() error {
				_, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: new("none"), PolicyDocument: &trustsAccount})
				return err
			}(), "NoSuchEntity", "The role with name none cannot be found.",
		},
	} {
		wantFault(t, name, f.err, f.code, f.message)
	}
	if roles, err := c.ListRoles(ctx, nil); err != nil || len(roles.Roles) != 1 {
		t.Errorf("after the faults there are %d roles, %v", len(roles.Roles), err)
	}

	ada := iam.NewFromConfig(s.Config(s.User("ada", servicetest.Allow("arn:aws:iam::123456789012:role/mine/*", "iam:*"))))
	_, err := ada.GetRole(ctx, &iam.GetRoleInput{RoleName: new("App")})
	wantFault(t, "another's role", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:GetRole on resource: role App because no identity-based policy allows the iam:GetRole action")
	_, err = ada.ListRoles(ctx, nil)
	wantFault(t, "all roles", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:ListRoles on resource: arn:aws:iam::123456789012:role/ because no identity-based policy allows the iam:ListRoles action")
	if _, err := ada.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: new("/mine/")}); err != nil {
		t.Error(err)
	}
	makes := iam.NewFromConfig(s.Config(s.User("eve", servicetest.Allow("*", "iam:CreateRole"))))
	_, err = makes.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: new("tagged"), AssumeRolePolicyDocument: &trustsAccount, Tags: []types.Tag{{Key: new("a"), Value: new("b")}},
	})
	wantFault(t, "tags without leave to tag", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/eve is not authorized to perform: iam:TagRole on resource: arn:aws:iam::123456789012:role/tagged because no identity-based policy allows the iam:TagRole action")
}
