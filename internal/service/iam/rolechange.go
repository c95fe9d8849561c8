// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) getRole(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	role, err := s.principal(r, call, identity.Role, *in.RoleName)
	if err != nil {
		return nil, err
	}
	shown, err := s.showRole(r, role)
	return &iam.GetRoleOutput{Role: shown}, err
}

// listRoles leaves out what AWS's answer has of a single role only.
func (s *Service) listRoles(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	roles := records(s.directory.Principals.All(r, "", call.Account, string(identity.Role)), func(p *identity.Principal) bool {
		return under(p.Path, in.PathPrefix)
	})
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{deref(in.PathPrefix)}}, roles, principalName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: make([]iam.Role, len(p.entries)), IsTruncated: p.truncated, Marker: p.marker}
	for i, role := range p.entries {
		shown, err := s.showRole(r, role)
		if err != nil {
			return nil, err
		}
		shown.PermissionsBoundary, shown.Tags = nil, nil
		out.Roles[i] = *shown
	}
	return out, nil
}

// changeRole gives a role that may be changed other contents, and returns it.
func (s *Service) changeRole(tx kv.Tx, call *gate.Call, name string, change func(*identity.Principal) error) (*identity.Principal, error) {
	role, err := s.principal(tx, call, identity.Role, name)
	if err != nil {
		return nil, err
	}
	if err := modifiable(role); err != nil {
		return nil, err
	}
	changed := *role
	if err := change(&changed); err != nil {
		return nil, err
	}
	return &changed, s.put(tx, &changed)
}

// updateRole resets the length of sessions to an hour where the request says nothing of
// it (IAM API Reference, UpdateRole), and leaves the description as it is.
func (s *Service) updateRole(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	_, err := s.changeRole(tx, call, *in.RoleName, func(role *identity.Principal) error {
		role.MaxSessionSeconds = deref(in.MaxSessionDuration)
		if in.Description != nil {
			role.Description = *in.Description
		}
		return nil
	})
	return &iam.UpdateRoleOutput{}, err
}

func (s *Service) describeRole(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	role, err := s.changeRole(tx, call, *in.RoleName, func(role *identity.Principal) error {
		role.Description = *in.Description
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.showRole(tx, role)
	return &iam.UpdateRoleDescriptionOutput{Role: shown}, err
}

func (s *Service) updateTrust(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	_, err := s.changeRole(tx, call, *in.RoleName, func(role *identity.Principal) error {
		return s.setTrust(tx, role, *in.PolicyDocument)
	})
	return &iam.UpdateAssumeRolePolicyOutput{}, err
}

// deleteRole ends the role's sessions with it.
func (s *Service) deleteRole(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	role, err := s.principal(tx, call, identity.Role, *in.RoleName)
	if err == nil {
		err = modifiable(role)
	}
	switch {
	case err != nil:
		return nil, err
	case len(role.Attached) > 0:
		return nil, errHasAttached
	case len(role.Policies) > 0:
		return nil, errHasInline
	}
	return &iam.DeleteRoleOutput{}, s.directory.DeletePrincipal(tx, role.Account, role.Kind, role.Name)
}

// listInstanceProfiles finds none: there are no instances here.
func (s *Service) listInstanceProfiles(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	_, err := s.principal(r, call, identity.Role, *in.RoleName)
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []iam.InstanceProfile{}, IsTruncated: new(false)}, err
}
