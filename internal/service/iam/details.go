// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"iter"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *Service) bindDetails(g *gate.Gate) {
	gate.Read(g, iam.GetAccountAuthorizationDetails,
		gate.Row[iam.GetAccountAuthorizationDetailsInput]{Access: gate.AccessRead, Targets: gate.Everything[iam.GetAccountAuthorizationDetailsInput]},
		s.authorizationDetails)
}

// A detail is one entity of GetAccountAuthorizationDetails. They are paged as one list, of
// users, groups, roles, the account's policies and AWS's that it uses.
type detail struct {
	place string // in that list
	show  func(*iam.GetAccountAuthorizationDetailsOutput) error
}

func (s *Service) authorizationDetails(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	used, err := s.uses(r, call.Account)
	if err != nil {
		return nil, err
	}
	filter := slices.Compact(slices.Sorted(slices.Values(in.Filter)))
	all := (&describer{s, r, call.Account, used}).all(filter)
	p, err := paged(call, asked{in.Marker, in.MaxItems, filter}, all, func(d detail) string { return d.place })
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []iam.UserDetail{}, GroupDetailList: []iam.GroupDetail{}, RoleDetailList: []iam.RoleDetail{}, Policies: []iam.ManagedPolicyDetail{},
		IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, d := range p.entries {
		if err := d.show(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// describer describes the entities of an account as a reader has them.
type describer struct {
	*Service
	reader  kv.Reader
	account string
	used    map[string]uses
}

// all are the details of the kinds that the filter names, or of all kinds.
func (d *describer) all(filter []string) iter.Seq2[detail, error] {
	kinds := []struct {
		name string
		all  iter.Seq2[detail, error]
	}{
		{iam.EntityTypeUser, d.users()},
		{iam.EntityTypeGroup, d.groups()},
		{iam.EntityTypeRole, d.roles()},
		{iam.EntityTypeLocalManagedPolicy, d.ownPolicies()},
		{iam.EntityTypeAWSManagedPolicy, d.awsPolicies()},
	}
	return func(yield func(detail, error) bool) {
		for i, kind := range kinds {
			if len(filter) > 0 && !slices.Contains(filter, kind.name) {
				continue
			}
			for one, err := range kind.all {
				one.place = string(rune('a'+i)) + "/" + one.place
				if !yield(one, err) {
					return
				}
			}
		}
	}
}
