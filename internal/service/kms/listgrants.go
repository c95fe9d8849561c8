// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"iter"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *Service) listGrants(_ context.Context, r kv.Reader, call *gate.Call, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	k, err := s.findByID(r, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	grantee, id := "", ""
	if in.GranteePrincipal != nil {
		grantee = *in.GranteePrincipal
	}
	if in.GrantId != nil {
		if id = *in.GrantId; !isGrantID(id) {
			return nil, errGrantID
		}
	}
	page, err := openPage(call, in.Limit, in.Marker, grantsPage, k.Account, k.ID, grantee, id)
	if err != nil {
		return nil, err
	}
	out := &kms.ListGrantsOutput{Grants: []kms.GrantListEntry{}}
	for g, err := range s.grantsOf(r, k, grantee, id, page.after) {
		if err != nil {
			return nil, err
		}
		if len(out.Grants) == page.limit {
			out.NextMarker = new(call.PageToken(*out.Grants[page.limit-1].GrantId, k.Account, k.ID, grantee, id))
			break
		}
		out.Grants = append(out.Grants, g.entry(call, k))
	}
	out.Truncated = new(out.NextMarker != nil)
	return out, nil
}

// grantsOf yields the grants of a key behind after, in the order of their ids: all, those
// to a grantee, or the one with an id.
func (s *Service) grantsOf(r kv.Reader, k *Key, grantee, id, after string) iter.Seq2[*Grant, error] {
	if id == "" && grantee != "" {
		return s.grants.to(r, k, grantee, after)
	}
	return func(yield func(*Grant, error) bool) {
		if id != "" {
			g, err := s.grants.get(r, k, id)
			if err != nil || g != nil && (grantee == "" || g.Grantee == grantee) {
				yield(g, err)
			}
			return
		}
		for item, err := range s.grants.all.All(r, after, k.Account, k.Region, k.ID) {
			if !yield(item.Value, err) || err != nil {
				return
			}
		}
	}
}

// retirableTarget is the retiring principal, about which the caller's account decides
// (KMS API Reference, ListRetirableGrants).
func retirableTarget(_ context.Context, _ kv.Reader, call *gate.Call, in *kms.ListRetirableGrantsInput) (gate.Target, error) {
	a, err := arn.Parse(*in.RetiringPrincipal)
	if err != nil || !arn.IsAccount(a.Account) || a.Service != "iam" && a.Service != "sts" {
		return gate.Target{}, errPrincipal(*in.RetiringPrincipal)
	}
	return gate.Target{ARN: *in.RetiringPrincipal, Keys: (&conditions{call: call}).values}, nil
}

// listRetirableGrants lists grants on keys of any account, in the call's region.
func (s *Service) listRetirableGrants(_ context.Context, r kv.Reader, call *gate.Call, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	page, err := openPage(call, in.Limit, in.Marker, grantsPage, *in.RetiringPrincipal)
	if err != nil {
		return nil, err
	}
	within := kv.Range{Prefix: s.grants.byRetiring.Key(call.Region, *in.RetiringPrincipal) + "/"}
	if page.after != "" {
		within.Start = page.after + "\x00"
	}
	out, last := &kms.ListRetirableGrantsOutput{Grants: []kms.GrantListEntry{}}, ""
	for item, err := range s.grants.byRetiring.Scan(r, within) {
		if err != nil {
			return nil, err
		}
		if len(out.Grants) == page.limit {
			out.NextMarker = new(call.PageToken(last, *in.RetiringPrincipal))
			break
		}
		at := item.Segments // region, principal, account, key, grant
		k := &Key{Account: at[2], Region: at[0], ID: at[3]}
		g, err := s.grants.get(r, k, at[4])
		if err != nil {
			return nil, err
		}
		out.Grants, last = append(out.Grants, g.entry(call, k)), s.grants.byRetiring.Key(at...)
	}
	out.Truncated = new(out.NextMarker != nil)
	return out, nil
}
