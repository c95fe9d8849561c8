// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// plain is a document of an answer, as it was put.
func plain(t *testing.T, document *string) string {
	t.Helper()
	text, err := decoded(document, document != nil)
	must(t, err)
	return text
}

// described are all details that a filter lets through, so many at a time, in short.
func described(t *testing.T, c *iam.Client, most int32, filter ...types.EntityType) (lines []string) {
	t.Helper()
	in := &iam.GetAccountAuthorizationDetailsInput{MaxItems: &most, Filter: filter}
	for {
		out, err := c.GetAccountAuthorizationDetails(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.UserDetailList {
			line := fmt.Sprint("user ", *u.Arn, u.GroupList, shown(u.Tags), len(u.AttachedManagedPolicies))
			for _, p := range u.UserPolicyList {
				line += " " + *p.PolicyName + plain(t, p.PolicyDocument)
			}
			lines = append(lines, line)
		}
		for _, g := range out.GroupDetailList {
			lines = append(lines, fmt.Sprint("group ", *g.Arn, len(g.GroupPolicyList), *g.AttachedManagedPolicies[0].PolicyName))
		}
		for _, r := range out.RoleDetailList {
			lines = append(lines, fmt.Sprint("role ", *r.Arn, plain(t, r.AssumeRolePolicyDocument), *r.PermissionsBoundary.PermissionsBoundaryArn))
		}
		for _, p := range out.Policies {
			line := fmt.Sprint("policy ", *p.Arn, *p.AttachmentCount, *p.PermissionsBoundaryUsageCount, *p.DefaultVersionId)
			if p.Description != nil {
				line += " " + *p.Description
				line += plain(t, p.PolicyVersionList[0].Document)
			}
			lines = append(lines, line)
		}
		if len(lines) > 100 || !out.IsTruncated {
			return lines
		}
		in.Marker = out.Marker
	}
}

func TestAuthorizationDetails(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	const reads, bounds = "arn:aws:iam::123456789012:policy/team/reads", adminPolicy
	_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: new("reads"), Path: new("/team/"), PolicyDocument: new(allowing("a:b")), Description: new("of readers"),
	})
	must(t, err)
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("devs")})
	must(t, err)
	_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: new("devs"), PolicyArn: new(reads)})
	must(t, err)
	_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("app"), AssumeRolePolicyDocument: &trustsAccount, PermissionsBoundary: new(bounds)})
	must(t, err)
	_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: new("ada"), Path: new("/team/"), Tags: tags("a", "b")})
	must(t, err)
	_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: new("ada"), GroupName: new("devs")})
	must(t, err)
	_, err = c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("ada"), PolicyName: new("inline"), PolicyDocument: new(allowing("c:d"))})
	must(t, err)
	makeUsers(t, c, "bob")
	s.UserIn("999999999999", "eve")

	users := []string{
		"user arn:aws:iam::123456789012:user/team/ada[devs]a=b0 inline" + allowing("c:d"),
		"user arn:aws:iam::123456789012:user/bob[]0",
	}
	group := "group arn:aws:iam::123456789012:group/devs0reads"
	role := "role arn:aws:iam::123456789012:role/app" + trustsAccount + bounds
	local := "policy " + reads + "1 0v1 of readers" + allowing("a:b")
	all := append(slices.Clone(users), group, role, local)
	for most := int32(1); most < 8; most++ {
		got := described(t, c, most)
		if len(got) != len(all)+1 {
			t.Fatalf("by %d there are %d: %q", most, len(got), got)
		}
		if diff := cmp.Diff(all, got[:len(all)]); diff != "" {
			t.Errorf("by %d (-want +got):\n%s", most, diff)
		}
	}
	if diff := cmp.Diff(append(slices.Clone(users), role), described(t, c, 1, types.EntityTypeRole, types.EntityTypeUser)); diff != "" {
		t.Errorf("roles and users (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{local}, described(t, c, 100, types.EntityTypeLocalManagedPolicy)); diff != "" {
		t.Errorf("own policies (-want +got):\n%s", diff)
	}
	if aws := described(t, c, 100, types.EntityTypeAWSManagedPolicy); len(aws) != 1 || aws[0][:len("policy ")+len(bounds)+3] != "policy "+bounds+"0 1" {
		t.Errorf("AWS's policies that are used: %q", aws)
	}
	eve := iam.NewFromConfig(s.Config(s.User("eve", servicetest.Allow("arn:aws:iam::123456789012:*", "iam:*"))))
	_, err = eve.GetAccountAuthorizationDetails(ctx, nil)
	wantFault(t, "all, for one who may not see all", err, "AccessDenied", "")
	one, err := c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{MaxItems: new(int32(1))})
	must(t, err)
	_, err = c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Marker: one.Marker, Filter: []types.EntityType{types.EntityTypeUser}})
	wantFault(t, "another list's marker", err, "ValidationError", "Invalid Marker.")
}
