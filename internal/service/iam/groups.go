// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"iter"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindGroups(g *gate.Gate) {
	gate.Write(g, iam.CreateGroup, gate.Row[iam.CreateGroupInput]{
		Access: gate.AccessWrite,
		Targets: on(func(_ kv.Reader, call *gate.Call, in *iam.CreateGroupInput) (gate.Target, error) {
			return created(call, groupNoun, in.Path, *in.GroupName, conditions{}), nil
		}),
	}, s.createGroup)
	gate.Read(g, iam.GetGroup, gate.Row[iam.GetGroupInput]{
		Access:  gate.AccessRead,
		Targets: onGroup(s, func(in *iam.GetGroupInput) *string { return in.GroupName }),
	}, s.getGroup)
	gate.Read(g, iam.ListGroups, gate.Row[iam.ListGroupsInput]{
		Access:  gate.AccessList,
		Targets: onAll(groupNoun, func(in *iam.ListGroupsInput) *string { return in.PathPrefix }),
	}, s.listGroups)
	gate.Write(g, iam.UpdateGroup, gate.Row[iam.UpdateGroupInput]{Access: gate.AccessWrite, Targets: s.renamedGroup}, s.updateGroup)
	gate.Write(g, iam.DeleteGroup, gate.Row[iam.DeleteGroupInput]{
		Access:  gate.AccessWrite,
		Targets: onGroup(s, func(in *iam.DeleteGroupInput) *string { return in.GroupName }),
	}, s.deleteGroup)
}

func (s *Service) createGroup(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	count, taken, err := named(s.directory.Groups.All(tx, "", call.Account), *in.GroupName)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, alreadyExists(groupNoun, *in.GroupName)
	}
	if err := groupsQuota.room(count); err != nil {
		return nil, err
	}
	g := &identity.Group{
		Account: call.Account, Name: *in.GroupName, Path: storedPath(in.Path),
		ID: identity.NewID(identity.PrefixGroup), Created: call.Time.UTC(),
	}
	return &iam.CreateGroupOutput{Group: new(showGroup(g))}, s.putGroup(tx, g)
}

// putGroup keeps a group, and has what was made of it made anew.
func (s *Service) putGroup(tx kv.Tx, g *identity.Group) error {
	if err := s.directory.Groups.Put(tx, g, g.Account, g.Name); err != nil {
		return err
	}
	return s.directory.Touch(tx, g.Account)
}

// getGroup answers with the group and a page of its members.
func (s *Service) getGroup(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	g, err := s.group(r, call, *in.GroupName)
	if err != nil {
		return nil, err
	}
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{g.ID}}, s.members(r, call, g), principalName)
	return &iam.GetGroupOutput{Group: new(showGroup(g)), Users: shown(p, listedUser), IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) members(r kv.Reader, call *gate.Call, g *identity.Group) iter.Seq2[*identity.Principal, error] {
	return s.usersOf(r, call, func(p *identity.Principal) bool { return p.In(g) })
}

func (s *Service) listGroups(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	all := records(s.directory.Groups.All(r, "", call.Account), func(g *identity.Group) bool { return under(g.Path, in.PathPrefix) })
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{deref(in.PathPrefix)}}, all, groupName)
	return &iam.ListGroupsOutput{Groups: shown(p, showGroup), IsTruncated: p.truncated, Marker: p.marker}, err
}

func groupName(g *identity.Group) string { return g.Name }

// renamedGroup are the targets of UpdateGroup: the group, and what it is to be called
// (IAM API Reference, UpdateGroup).
func (s *Service) renamedGroup(_ context.Context, r kv.Reader, call *gate.Call, in *iam.UpdateGroupInput) ([]gate.Target, error) {
	g, err := s.directory.Groups.Get(r, call.Account, *in.GroupName)
	if err != nil {
		return nil, err
	}
	var path string
	if g != nil {
		path = g.Path
	}
	return renamed(call, groupNoun, path, rename{*in.GroupName, in.NewGroupName, in.NewPath}, conditions{}), nil
}

// updateGroup gives a group another name or path. Its members are those of its unique
// id, and stay.
func (s *Service) updateGroup(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	g, err := s.group(tx, call, *in.GroupName)
	if err != nil {
		return nil, err
	}
	changed := *g
	if in.NewPath != nil {
		changed.Path = storedPath(in.NewPath)
	}
	if in.NewGroupName != nil && *in.NewGroupName != g.Name {
		changed.Name = *in.NewGroupName
		_, taken, err := named(s.directory.Groups.All(tx, "", call.Account), changed.Name)
		if err != nil {
			return nil, err
		}
		if taken && !strings.EqualFold(changed.Name, g.Name) {
			return nil, alreadyExists(groupNoun, changed.Name)
		}
		if err := s.directory.Groups.Delete(tx, g.Account, g.Name); err != nil {
			return nil, err
		}
	}
	return &iam.UpdateGroupOutput{}, s.putGroup(tx, &changed)
}

// deleteGroup deletes a group that has nothing any more.
func (s *Service) deleteGroup(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	g, err := s.group(tx, call, *in.GroupName)
	if err != nil {
		return nil, err
	}
	for _, err := range s.members(tx, call, g) {
		if err == nil {
			err = errHasGroups
		}
		return nil, err
	}
	switch {
	case len(g.Attached) > 0:
		return nil, errHasAttached
	case len(g.Policies) > 0:
		return nil, errHasInline
	}
	if err := s.directory.Groups.Delete(tx, g.Account, g.Name); err != nil {
		return nil, err
	}
	return &iam.DeleteGroupOutput{}, s.directory.Touch(tx, g.Account)
}

func showGroup(g *identity.Group) iam.Group {
	return iam.Group{Path: shownPath(g.Path), GroupName: &g.Name, GroupId: &g.ID, Arn: new(g.ARN()), CreateDate: new(api.NewTime(g.Created))}
}
