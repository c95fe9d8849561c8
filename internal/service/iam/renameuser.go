// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"context"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// renamedUser are the targets of UpdateUser: the user, and what it is to be called. To
// rename Bob to Robert takes permission on both (IAM API Reference, UpdateUser).
func (s *Service) renamedUser(_ context.Context, r kv.Reader, call *gate.Call, in *iam.UpdateUserInput) ([]gate.Target, error) {
	p, err := s.directory.Principals.Get(r, call.Account, string(identity.User), *in.UserName)
	if err != nil {
		return nil, err
	}
	var path string
	var c conditions
	if p != nil {
		path, c.tags = p.Path, p.Tags
	}
	return renamed(call, userNoun, path, rename{*in.UserName, in.NewUserName, in.NewPath}, c), nil
}

// rename is what a request says of an entity's new name and path.
type rename struct {
	name          string
	newName, path *string
}

// renamed are the targets of a rename: the entity as it is, and as it is to be.
func renamed(call *gate.Call, n noun, path string, to rename, c conditions) []gate.Target {
	path = cmp.Or(path, "/")
	before := entity(call, n, path+to.name, c)
	before.Asked = asks(n, to.name)
	if to.path != nil {
		path = *to.path
	}
	name := to.name
	if to.newName != nil {
		name = *to.newName
	}
	after := entity(call, n, path+name, c)
	after.Asked = asks(n, name)
	if after.ARN == before.ARN {
		return []gate.Target{before}
	}
	return []gate.Target{before, after}
}

// updateUser gives a user another name or path. What it has goes with it.
func (s *Service) updateUser(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	p, err := s.user(tx, call, in.UserName)
	if err != nil {
		return nil, err
	}
	if err := modifiable(p); err != nil {
		return nil, err
	}
	changed := *p
	if in.NewPath != nil {
		changed.Path = storedPath(in.NewPath)
	}
	if in.NewUserName == nil || *in.NewUserName == p.Name {
		return &iam.UpdateUserOutput{}, s.put(tx, &changed)
	}
	if !strings.EqualFold(*in.NewUserName, p.Name) {
		_, taken, err := named(s.directory.Principals.All(tx, "", call.Account, string(identity.User)), *in.NewUserName)
		if err != nil {
			return nil, err
		}
		if taken {
			return nil, alreadyExists(userNoun, *in.NewUserName)
		}
	}
	return &iam.UpdateUserOutput{}, s.directory.Rename(tx, &changed, *in.NewUserName)
}
