// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// detailed makes details of a list.
func detailed[T any](all iter.Seq2[T, error], name func(T) string, show func(T, *iam.GetAccountAuthorizationDetailsOutput) error) iter.Seq2[detail, error] {
	return func(yield func(detail, error) bool) {
		for v, err := range all {
			if err != nil {
				yield(detail{}, err)
				return
			}
			if !yield(detail{name(v), func(out *iam.GetAccountAuthorizationDetailsOutput) error { return show(v, out) }}, nil) {
				return
			}
		}
	}
}

func (d *describer) users() iter.Seq2[detail, error] {
	users := records(d.directory.Principals.All(d.reader, "", d.account, string(identity.User)), every[identity.Principal])
	return detailed(users, principalName, func(p *identity.Principal, out *iam.GetAccountAuthorizationDetailsOutput) error {
		in, err := d.directory.GroupsOf(d.reader, p)
		groups := []string{}
		for _, g := range in {
			groups = append(groups, g.Name)
		}
		out.UserDetailList = append(out.UserDetailList, iam.UserDetail{
			Path: shownPath(p.Path), UserName: &p.Name, UserId: &p.ID, Arn: new(p.ARN()), CreateDate: new(api.NewTime(p.Created)),
			UserPolicyList: inlineDetails(p.Policies), GroupList: groups, AttachedManagedPolicies: attachedDetails(p.Attached),
			PermissionsBoundary: showBoundary(p.Boundary), Tags: showTags(p.Tags),
		})
		return err
	})
}

func (d *describer) groups() iter.Seq2[detail, error] {
	groups := records(d.directory.Groups.All(d.reader, "", d.account), every[identity.Group])
	return detailed(groups, groupName, func(g *identity.Group, out *iam.GetAccountAuthorizationDetailsOutput) error {
		out.GroupDetailList = append(out.GroupDetailList, iam.GroupDetail{
			Path: shownPath(g.Path), GroupName: &g.Name, GroupId: &g.ID, Arn: new(g.ARN()), CreateDate: new(api.NewTime(g.Created)),
			GroupPolicyList: inlineDetails(g.Policies), AttachedManagedPolicies: attachedDetails(g.Attached),
		})
		return nil
	})
}

func (d *describer) roles() iter.Seq2[detail, error] {
	roles := records(d.directory.Principals.All(d.reader, "", d.account, string(identity.Role)), every[identity.Principal])
	return detailed(roles, principalName, func(p *identity.Principal, out *iam.GetAccountAuthorizationDetailsOutput) error {
		role, err := d.showRole(d.reader, p)
		if err != nil {
			return err
		}
		out.RoleDetailList = append(out.RoleDetailList, iam.RoleDetail{
			Path: role.Path, RoleName: role.RoleName, RoleId: role.RoleId, Arn: role.Arn, CreateDate: role.CreateDate,
			AssumeRolePolicyDocument: role.AssumeRolePolicyDocument, InstanceProfileList: []iam.InstanceProfile{},
			RolePolicyList: inlineDetails(p.Policies), AttachedManagedPolicies: attachedDetails(p.Attached),
			PermissionsBoundary: role.PermissionsBoundary, Tags: role.Tags,
		})
		return nil
	})
}

func (d *describer) ownPolicies() iter.Seq2[detail, error] {
	return d.policies(records(d.directory.Policies.All(d.reader, "", d.account), every[identity.ManagedPolicy]))
}

// awsPolicies are the policies of AWS's that the account uses.
func (d *describer) awsPolicies() iter.Seq2[detail, error] {
	used := slices.DeleteFunc(slices.Clone(d.directory.AWSManaged()), func(p *identity.ManagedPolicy) bool { return d.used[p.ARN()] == uses{} })
	slices.SortFunc(used, func(a, b *identity.ManagedPolicy) int { return strings.Compare(a.Name, b.Name) })
	return d.policies(values(used))
}

func (d *describer) policies(all iter.Seq2[*identity.ManagedPolicy, error]) iter.Seq2[detail, error] {
	return detailed(all, func(p *identity.ManagedPolicy) string { return p.Name }, func(p *identity.ManagedPolicy, out *iam.GetAccountAuthorizationDetailsOutput) error {
		shown := showPolicy(p, d.used[p.ARN()])
		described := iam.ManagedPolicyDetail{
			PolicyName: shown.PolicyName, PolicyId: shown.PolicyId, Arn: shown.Arn, Path: shown.Path, DefaultVersionId: shown.DefaultVersionId,
			AttachmentCount: shown.AttachmentCount, PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount, IsAttachable: shown.IsAttachable,
			CreateDate: shown.CreateDate, UpdateDate: shown.UpdateDate,
		}
		if p.Description != "" {
			described.Description = &p.Description
		}
		for _, v := range slices.Backward(p.Versions) {
			version := showVersion(p, v)
			version.Document = shownDocument(v.Document)
			described.PolicyVersionList = append(described.PolicyVersionList, version)
		}
		out.Policies = append(out.Policies, described)
		return nil
	})
}

// inlineDetails are inline policies in the order of their names.
func inlineDetails(policies map[string]string) []iam.PolicyDetail {
	out := []iam.PolicyDetail{}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		out = append(out, iam.PolicyDetail{PolicyName: new(name), PolicyDocument: shownDocument(policies[name])})
	}
	return out
}

// attachedDetails are the managed policies of those ARNs.
func attachedDetails(arns []string) []iam.AttachedPolicy {
	out := []iam.AttachedPolicy{}
	for _, name := range arns {
		out = append(out, iam.AttachedPolicy{PolicyName: new(name[strings.LastIndexByte(name, '/')+1:]), PolicyArn: new(name)})
	}
	return out
}

// every keeps all records of a list.
func every[T any](*T) bool { return true }
