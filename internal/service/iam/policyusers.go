// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// policyUser is a user, group or role that uses a managed policy.
type policyUser struct {
	noun           noun
	name, id, path string
}

func (u policyUser) place() string { return string(u.noun) + "/" + u.name }

// listEntitiesForPolicy has groups first, then roles, then users, each in the order of
// their names. Who has the policy and is bounded by it as well is there once.
func (s *Service) listEntitiesForPolicy(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := s.readablePolicy(r, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	all, err := s.entitiesOf(r, p, call.Account, in.PolicyUsageFilter)
	if err != nil {
		return nil, err
	}
	wanted := map[string]noun{iam.EntityTypeUser: userNoun, iam.EntityTypeGroup: groupNoun, iam.EntityTypeRole: roleNoun}
	all = slices.DeleteFunc(all, func(u policyUser) bool {
		return !under(u.path, in.PathPrefix) || in.EntityFilter != nil && wanted[*in.EntityFilter] != u.noun
	})
	slices.SortFunc(all, func(a, b policyUser) int { return strings.Compare(a.place(), b.place()) })
	scope := scopeOf(in.PolicyArn, in.EntityFilter, in.PathPrefix, in.PolicyUsageFilter)
	page, err := paged(call, asked{in.Marker, in.MaxItems, scope}, values(all), policyUser.place)
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []iam.PolicyGroup{}, PolicyUsers: []iam.PolicyUser{}, PolicyRoles: []iam.PolicyRole{},
		IsTruncated: page.truncated, Marker: page.marker,
	}
	for _, u := range page.entries {
		switch u.noun {
		case groupNoun:
			out.PolicyGroups = append(out.PolicyGroups, iam.PolicyGroup{GroupName: &u.name, GroupId: &u.id})
		case roleNoun:
			out.PolicyRoles = append(out.PolicyRoles, iam.PolicyRole{RoleName: &u.name, RoleId: &u.id})
		default:
			out.PolicyUsers = append(out.PolicyUsers, iam.PolicyUser{UserName: &u.name, UserId: &u.id})
		}
	}
	return out, nil
}

// entitiesOf returns the users, groups and roles of the account that use the policy as the
// filter says.
func (s *Service) entitiesOf(r kv.Reader, p *identity.ManagedPolicy, account string, filter *string) (all []policyUser, err error) {
	name := p.ARN()
	use := func(attached []string, boundary string) bool {
		var u uses
		if slices.Contains(attached, name) {
			u.attached = 1
		}
		if boundary == name {
			u.bounds = 1
		}
		return u != uses{} && u.fits(filter)
	}
	for item, err := range s.directory.Principals.All(r, "", account) {
		if err != nil {
			return nil, err
		}
		if p := item.Value; use(p.Attached, p.Boundary) {
			all = append(all, policyUser{nounOf(p.Kind), p.Name, p.ID, p.Path})
		}
	}
	for item, err := range s.directory.Groups.All(r, "", account) {
		if err != nil {
			return nil, err
		}
		if g := item.Value; use(g.Attached, "") {
			all = append(all, policyUser{groupNoun, g.Name, g.ID, g.Path})
		}
	}
	return all, nil
}
