// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindRoles(g *gate.Gate) {
	gate.Write(g, iam.CreateRole, gate.Row[iam.CreateRoleInput]{Access: gate.AccessWrite, Targets: on(newRole)}, s.createRole)
	gate.Read(g, iam.ListRoles, gate.Row[iam.ListRolesInput]{
		Access: gate.AccessList, Targets: onAll(roleNoun, func(in *iam.ListRolesInput) *string { return in.PathPrefix }),
	}, s.listRoles)
	gate.Read(g, iam.GetRole, ofRole(s, gate.AccessRead, func(in *iam.GetRoleInput) *string { return in.RoleName }), s.getRole)
	gate.Write(g, iam.UpdateRole,
		ofRole(s, gate.AccessWrite, func(in *iam.UpdateRoleInput) *string { return in.RoleName }), s.updateRole)
	gate.Write(g, iam.UpdateRoleDescription,
		ofRole(s, gate.AccessWrite, func(in *iam.UpdateRoleDescriptionInput) *string { return in.RoleName }), s.describeRole)
	gate.Write(g, iam.UpdateAssumeRolePolicy,
		ofRole(s, gate.AccessPermissions, func(in *iam.UpdateAssumeRolePolicyInput) *string { return in.RoleName }), s.updateTrust)
	gate.Write(g, iam.DeleteRole,
		ofRole(s, gate.AccessWrite, func(in *iam.DeleteRoleInput) *string { return in.RoleName }), s.deleteRole)
	gate.Read(g, iam.ListInstanceProfilesForRole,
		ofRole(s, gate.AccessList, func(in *iam.ListInstanceProfilesForRoleInput) *string { return in.RoleName }), s.listInstanceProfiles)
}

// ofRole is the row of an operation on the role that a request names.
func ofRole[In any](s *Service, access gate.Access, name func(*In) *string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return s.principalTarget(r, call, identity.Role, *name(in), conditions{})
	})}
}

// newRole is what a decision about CreateRole is taken on.
func newRole(_ kv.Reader, call *gate.Call, in *iam.CreateRoleInput) (gate.Target, error) {
	return created(call, roleNoun, in.Path, *in.RoleName, conditions{asked: in.Tags, boundary: deref(in.PermissionsBoundary)}), nil
}

func (s *Service) createRole(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	target, _ := newRole(tx, call, in)
	if err := mayTag(call, iam.TagRole.Action(), target, in.Tags); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	count, taken, err := named(s.directory.Principals.All(tx, "", call.Account, string(identity.Role)), *in.RoleName)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, alreadyExists(roleNoun, *in.RoleName)
	}
	if err := rolesQuota.room(count); err != nil {
		return nil, err
	}
	if err := s.checkBoundary(tx, call, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	role := &identity.Principal{
		Account: call.Account, Kind: identity.Role, Name: *in.RoleName, ID: identity.NewID(identity.PrefixRole), Created: call.Time.UTC(),
		Path: storedPath(in.Path), Description: deref(in.Description), MaxSessionSeconds: deref(in.MaxSessionDuration),
		Boundary: deref(in.PermissionsBoundary), Tags: tags,
	}
	if err := s.setTrust(tx, role, *in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	shown, err := s.showRole(tx, role)
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: shown}, s.put(tx, role)
}

// setTrust gives a role's record a trust policy that is within the quota.
func (s *Service) setTrust(r kv.Reader, role *identity.Principal, document string) error {
	if err := s.directory.SetTrust(r, role, document); err != nil {
		return malformed(err)
	}
	if size(document) > trustSizeQuota.most {
		return trustSizeQuota.exceeded()
	}
	return nil
}

// showRole is a role as GetRole has it. When it was last used is not recorded.
func (s *Service) showRole(r kv.Reader, role *identity.Principal) (*iam.Role, error) {
	document, err := s.directory.TrustDocument(r, role)
	if err != nil {
		return nil, err
	}
	out := &iam.Role{
		Path: shownPath(role.Path), RoleName: &role.Name, RoleId: &role.ID, Arn: new(role.ARN()), CreateDate: new(api.NewTime(role.Created)),
		MaxSessionDuration:  new(int32(role.SessionLimit().Seconds())),
		PermissionsBoundary: showBoundary(role.Boundary), Tags: showTags(role.Tags),
	}
	if document != "" { // as with roles that were not made by IAM's API
		out.AssumeRolePolicyDocument = shownDocument(document)
	}
	if role.Description != "" {
		out.Description = &role.Description
	}
	return out, nil
}

// put stores a user or role.
func (s *Service) put(tx kv.Tx, p *identity.Principal) error {
	return s.directory.Principals.Put(tx, p, p.Account, string(p.Kind), p.Name)
}
