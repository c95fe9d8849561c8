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

// uses is how many users, groups and roles a managed policy is attached to, and of how
// many users and roles it is the permissions boundary.
type uses struct{ attached, bounds int }

// fits reports whether a policy that is so used is one that a PolicyUsageFilter means.
func (u uses) fits(filter *string) bool {
	switch {
	case filter == nil:
		return true
	case *filter == iam.PolicyUsageTypePermissionsBoundary:
		return u.bounds > 0
	}
	return u.attached > 0
}

// uses counts what the account uses managed policies for, by their ARNs.
func (s *Service) uses(r kv.Reader, account string) (map[string]uses, error) {
	used := map[string]uses{}
	attached := func(to []string) {
		for _, name := range to {
			u := used[name]
			u.attached++
			used[name] = u
		}
	}
	for item, err := range s.directory.Principals.All(r, "", account) {
		if err != nil {
			return nil, err
		}
		attached(item.Value.Attached)
		if bound := item.Value.Boundary; bound != "" {
			u := used[bound]
			u.bounds++
			used[bound] = u
		}
	}
	for item, err := range s.directory.Groups.All(r, "", account) {
		if err != nil {
			return nil, err
		}
		attached(item.Value.Attached)
	}
	return used, nil
}

// listPolicies has the account's own policies first, and then AWS's, each in the order of
// their names.
func (s *Service) listPolicies(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	used, err := s.uses(r, call.Account)
	if err != nil {
		return nil, err
	}
	scope := iam.PolicyScopeTypeAll
	if in.Scope != nil {
		scope = *in.Scope
	}
	only := in.OnlyAttached != nil && *in.OnlyAttached
	keep := func(p *identity.ManagedPolicy) bool {
		u := used[p.ARN()]
		return under(p.Path, in.PathPrefix) && u.fits(in.PolicyUsageFilter) && (!only || u != uses{})
	}
	var all []*identity.ManagedPolicy
	if scope != iam.PolicyScopeTypeAWS {
		for p, err := range records(s.directory.Policies.All(r, "", call.Account), keep) {
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	if scope != iam.PolicyScopeTypeLocal {
		for _, p := range s.directory.AWSManaged() {
			if keep(p) {
				all = append(all, p)
			}
		}
	}
	place := func(p *identity.ManagedPolicy) string { return placeOf(p.Account, p.Name) }
	slices.SortFunc(all, func(a, b *identity.ManagedPolicy) int { return strings.Compare(place(a), place(b)) })
	page, err := paged(call, asked{in.Marker, in.MaxItems, scopeOf(&scope, in.PathPrefix, in.PolicyUsageFilter)}, values(all), place)
	if err != nil {
		return nil, err
	}
	return &iam.ListPoliciesOutput{
		Policies:    shown(page, func(p *identity.ManagedPolicy) iam.Policy { return showPolicy(p, used[p.ARN()]) }),
		IsTruncated: page.truncated, Marker: page.marker,
	}, nil
}

// placeOf orders managed policies in lists: the account's own come before AWS's. It is
// short enough for a marker, which an ARN is not.
func placeOf(account, name string) string {
	if account == identity.AWSAccount {
		return "aws/" + name
	}
	return "/" + name
}

// scopeOf is what of a request a marker is good for. What was not given is empty.
func scopeOf(parts ...*string) (scope []string) {
	for _, p := range parts {
		scope = append(scope, deref(p))
	}
	return scope
}
