// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"context"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindAccessKeys(g *gate.Gate) {
	gate.Write(g, iam.CreateAccessKey, gate.Row[iam.CreateAccessKeyInput]{
		Access:  gate.AccessWrite,
		Targets: onUser(s, func(in *iam.CreateAccessKeyInput) *string { return in.UserName }),
	}, s.createAccessKey)
	gate.Write(g, iam.UpdateAccessKey, gate.Row[iam.UpdateAccessKeyInput]{
		Access:  gate.AccessWrite,
		Targets: onUser(s, func(in *iam.UpdateAccessKeyInput) *string { return in.UserName }),
	}, s.updateAccessKey)
	gate.Write(g, iam.DeleteAccessKey, gate.Row[iam.DeleteAccessKeyInput]{
		Access:  gate.AccessWrite,
		Targets: onUser(s, func(in *iam.DeleteAccessKeyInput) *string { return in.UserName }),
	}, s.deleteAccessKey)
	gate.Read(g, iam.ListAccessKeys, gate.Row[iam.ListAccessKeysInput]{
		Access:  gate.AccessList,
		Targets: onUser(s, func(in *iam.ListAccessKeysInput) *string { return in.UserName }),
	}, s.listAccessKeys)
	gate.Read(g, iam.GetAccessKeyLastUsed, gate.Row[iam.GetAccessKeyLastUsedInput]{
		Access: gate.AccessRead, Targets: on(s.keyTarget),
	}, s.getAccessKeyLastUsed)
}

// createAccessKey makes a key, whose secret no other operation shows.
func (s *Service) createAccessKey(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	p, err := s.user(tx, call, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := s.directory.Keys(tx, p.Account, p.Kind, p.Name)
	if err != nil {
		return nil, err
	}
	if err := keysQuota.room(len(keys)); err != nil {
		return nil, err
	}
	granted, err := s.directory.CreateKey(tx, identity.NewKey{Account: p.Account, Kind: p.Kind, Name: p.Name}, call.Time)
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &iam.AccessKey{
		UserName: listedUser(p).UserName, AccessKeyId: &granted.ID, Status: new(iam.StatusTypeActive),
		SecretAccessKey: secret.Text{Value: granted.Secret}, CreateDate: new(api.NewTime(call.Time)),
	}}, nil
}

// updateAccessKey switches a key on or off. Off, it is refused from the next call on.
func (s *Service) updateAccessKey(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if _, err := s.keyOf(tx, call, in.UserName, *in.AccessKeyId); err != nil {
		return nil, err
	}
	if *in.Status == iam.StatusTypeExpired {
		return nil, errExpired
	}
	return &iam.UpdateAccessKeyOutput{}, s.directory.SetKeyStatus(tx, *in.AccessKeyId, *in.Status == iam.StatusTypeActive)
}

func (s *Service) deleteAccessKey(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	key, err := s.keyOf(tx, call, in.UserName, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if key.Fixed {
		p, err := s.user(tx, call, in.UserName)
		if err == nil {
			err = modifiable(p)
		}
		if err != nil {
			return nil, err
		}
	}
	return &iam.DeleteAccessKeyOutput{}, s.directory.DeleteKey(tx, key.ID)
}

// keyOf returns a key that is the user's, or NoSuchEntity.
func (s *Service) keyOf(r kv.Reader, call *gate.Call, user *string, id string) (*identity.AccessKey, error) {
	p, err := s.user(r, call, user)
	if err != nil {
		return nil, err
	}
	key, err := s.directory.AccessKeys.Get(r, id)
	if err != nil {
		return nil, err
	}
	if key == nil || key.Account != p.Account || key.Kind != p.Kind || key.Name != p.Name {
		return nil, noSuchKey(id)
	}
	return key, nil
}

func (s *Service) listAccessKeys(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	u, err := s.user(r, call, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := s.directory.Keys(r, u.Account, u.Kind, u.Name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b *identity.AccessKey) int { return cmp.Compare(a.ID, b.ID) })
	p, err := paged(call, asked{in.Marker, in.MaxItems, []string{u.ID}}, values(keys), func(k *identity.AccessKey) string { return k.ID })
	return &iam.ListAccessKeysOutput{
		AccessKeyMetadata: shown(p, func(k *identity.AccessKey) iam.AccessKeyMetadata {
			status := iam.StatusTypeActive
			if k.Inactive {
				status = iam.StatusTypeInactive
			}
			return iam.AccessKeyMetadata{UserName: listedUser(u).UserName, AccessKeyId: &k.ID, Status: &status, CreateDate: new(api.NewTime(k.Created))}
		}),
		IsTruncated: p.truncated, Marker: p.marker,
	}, err
}
