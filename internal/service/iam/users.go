// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"iter"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindUsers(g *gate.Gate) {
	gate.Write(g, iam.CreateUser, gate.Row[iam.CreateUserInput]{
		Access: gate.AccessWrite, Targets: on(newUser),
	}, s.createUser)
	gate.Read(g, iam.GetUser, gate.Row[iam.GetUserInput]{
		Access:  gate.AccessRead,
		Targets: onUser(s, func(in *iam.GetUserInput) *string { return in.UserName }),
	}, s.getUser)
	gate.Read(g, iam.ListUsers, gate.Row[iam.ListUsersInput]{
		Access:  gate.AccessList,
		Targets: onAll(userNoun, func(in *iam.ListUsersInput) *string { return in.PathPrefix }),
	}, s.listUsers)
	gate.Write(g, iam.UpdateUser, gate.Row[iam.UpdateUserInput]{Access: gate.AccessWrite, Targets: s.renamedUser}, s.updateUser)
	gate.Write(g, iam.DeleteUser, gate.Row[iam.DeleteUserInput]{
		Access:  gate.AccessWrite,
		Targets: onUser(s, func(in *iam.DeleteUserInput) *string { return in.UserName }),
	}, s.deleteUser)
}

// newUser is what a decision about CreateUser is taken on.
func newUser(_ kv.Reader, call *gate.Call, in *iam.CreateUserInput) (gate.Target, error) {
	return created(call, userNoun, in.Path, *in.UserName, conditions{asked: in.Tags, boundary: deref(in.PermissionsBoundary)}), nil
}

func (s *Service) createUser(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	target, _ := newUser(tx, call, in)
	if err := mayTag(call, iam.TagUser.Action(), target, in.Tags); err != nil {
		return nil, err
	}
	count, taken, err := named(s.directory.Principals.All(tx, "", call.Account, string(identity.User)), *in.UserName)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, alreadyExists(userNoun, *in.UserName)
	}
	if err := usersQuota.room(count); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.checkBoundary(tx, call, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	p := &identity.Principal{
		Account: call.Account, Kind: identity.User, Name: *in.UserName, Path: storedPath(in.Path),
		ID: identity.NewID(identity.PrefixUser), Created: call.Time.UTC(), Boundary: deref(in.PermissionsBoundary), Tags: tags,
	}
	return &iam.CreateUserOutput{User: new(showUser(p))}, s.put(tx, p)
}

func (s *Service) getUser(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	p, err := s.user(r, call, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: new(showUser(p))}, nil
}

func (s *Service) listUsers(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	all := s.usersOf(r, call, func(p *identity.Principal) bool { return under(p.Path, in.PathPrefix) })
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{deref(in.PathPrefix)}}, all, principalName)
	return &iam.ListUsersOutput{Users: shown(p, listedUser), IsTruncated: p.truncated, Marker: p.marker}, err
}

// deleteUser deletes a user that has nothing any more.
func (s *Service) deleteUser(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	p, err := s.user(tx, call, in.UserName)
	if err != nil {
		return nil, err
	}
	if err := modifiable(p); err != nil {
		return nil, err
	}
	keys, err := s.directory.Keys(tx, p.Account, p.Kind, p.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case len(p.Attached) > 0:
		return nil, errHasAttached
	case len(p.Policies) > 0:
		return nil, errHasInline
	case len(keys) > 0:
		return nil, errHasKeys
	case len(p.Groups) > 0:
		return nil, errHasGroups
	}
	return &iam.DeleteUserOutput{}, s.directory.DeletePrincipal(tx, p.Account, p.Kind, p.Name)
}

// showUser is a user as operations on one show it.
func showUser(p *identity.Principal) iam.User {
	u := listedUser(p)
	u.Tags = showTags(p.Tags)
	u.PermissionsBoundary = showBoundary(p.Boundary)
	return u
}

// listedUser is a user as lists show it, without tags and boundary. The root has neither
// a name nor a path.
func listedUser(p *identity.Principal) iam.User {
	u := iam.User{UserId: &p.ID, Arn: new(p.ARN()), CreateDate: new(api.NewTime(p.Created))}
	if p.Kind != identity.Root {
		u.UserName, u.Path = &p.Name, shownPath(p.Path)
	}
	return u
}

// usersOf are the account's users that keep says are part of a list.
func (s *Service) usersOf(r kv.Reader, call *gate.Call, keep func(*identity.Principal) bool) iter.Seq2[*identity.Principal, error] {
	return records(s.directory.Principals.All(r, "", call.Account, string(identity.User)), keep)
}

func principalName(p *identity.Principal) string { return p.Name }
