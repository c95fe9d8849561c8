// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindMembers(g *gate.Gate) {
	gate.Write(g, iam.AddUserToGroup, gate.Row[iam.AddUserToGroupInput]{
		Access:  gate.AccessWrite,
		Targets: onGroup(s, func(in *iam.AddUserToGroupInput) *string { return in.GroupName }),
	}, s.addUserToGroup)
	gate.Write(g, iam.RemoveUserFromGroup, gate.Row[iam.RemoveUserFromGroupInput]{
		Access:  gate.AccessWrite,
		Targets: onGroup(s, func(in *iam.RemoveUserFromGroupInput) *string { return in.GroupName }),
	}, s.removeUserFromGroup)
	gate.Read(g, iam.ListGroupsForUser, gate.Row[iam.ListGroupsForUserInput]{
		Access:  gate.AccessList,
		Targets: onUser(s, func(in *iam.ListGroupsForUserInput) *string { return in.UserName }),
	}, s.listGroupsForUser)
}

// addUserToGroup makes a user a member. One who is a member already stays one.
func (s *Service) addUserToGroup(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	p, g, err := s.member(tx, call, in.UserName, *in.GroupName)
	if err != nil {
		return nil, err
	}
	if p.In(g) {
		return &iam.AddUserToGroupOutput{}, nil
	}
	if err := groupsPerUserQuota.room(len(p.Groups)); err != nil {
		return nil, err
	}
	changed := *p
	changed.Groups = slices.Sorted(slices.Values(append(slices.Clone(p.Groups), g.ID)))
	return &iam.AddUserToGroupOutput{}, s.put(tx, &changed)
}

// removeUserFromGroup ends a membership, if there is one.
func (s *Service) removeUserFromGroup(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	p, g, err := s.member(tx, call, in.UserName, *in.GroupName)
	if err != nil {
		return nil, err
	}
	changed := *p
	changed.Groups = slices.DeleteFunc(slices.Clone(p.Groups), func(id string) bool { return id == g.ID })
	return &iam.RemoveUserFromGroupOutput{}, s.put(tx, &changed)
}

// member returns the user and the group that a change of a membership is about.
func (s *Service) member(r kv.Reader, call *gate.Call, user *string, group string) (*identity.Principal, *identity.Group, error) {
	g, err := s.group(r, call, group)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.user(r, call, user)
	if err != nil {
		return nil, nil, err
	}
	return p, g, modifiable(p)
}

func (s *Service) listGroupsForUser(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	u, err := s.user(r, call, in.UserName)
	if err != nil {
		return nil, err
	}
	groups, err := s.directory.GroupsOf(r, u)
	if err != nil {
		return nil, err
	}
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{u.ID}}, values(groups), groupName)
	return &iam.ListGroupsForUserOutput{Groups: shown(p, showGroup), IsTruncated: p.truncated, Marker: p.marker}, err
}
