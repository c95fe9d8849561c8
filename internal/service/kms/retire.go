// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// retireTarget is the key of a grant to be retired. Whom the grant names may retire it,
// and so may, as their identity policies say, those of the account that made it, of the
// account that is its retiring principal, and of the key's; the key policy has no say (AWS
// KMS Developer Guide, "Retiring and revoking grants").
func (s *Service) retireTarget(_ context.Context, r kv.Reader, call *gate.Call, in *kms.RetireGrantInput) (gate.Target, error) {
	at, err := retiring(call, in)
	if err != nil {
		return gate.Target{}, err
	}
	there := call.InAccount(at.account)
	name := keyARN(there, at.key)
	t := gate.Target{ARN: name, Type: resourceType, Exclusive: true}
	if at.account != call.Principal.Account {
		t.Refused = otherAccount(call, name)
	}
	k, err := s.byID(r, there, at.key)
	if err != nil && !kms.NotFoundException.Is(err) {
		return gate.Target{}, err
	}
	var g *Grant
	if k != nil {
		if g, err = s.grants.get(r, k, at.grant); err != nil {
			return gate.Target{}, err
		}
	}
	t = s.known(r, call, t, conditions{key: k})
	t.Granted = func(string) (policy.Grant, error) { return g.retirableBy(call.Principal, at.account), nil }
	return t, nil
}

// retiring is the grant that a request names.
func retiring(call *gate.Call, in *kms.RetireGrantInput) (at grantPlace, err error) {
	switch {
	case in.GrantToken != nil && in.KeyId == nil && in.GrantId == nil:
		at, err = parseGrantToken(*in.GrantToken)
		if err == nil && at.region != call.Region {
			err = kms.InvalidGrantTokenException.New("The grant token is not valid.")
		}
		return at, err
	case in.GrantToken != nil || in.KeyId == nil || in.GrantId == nil:
		return grantPlace{}, api.ValidationException.New("A grant to be retired is named by its grant token, or else by its key and its grant id.")
	case !isGrantID(*in.GrantId):
		return grantPlace{}, errGrantID
	}
	there, key, err := place(call, *in.KeyId)
	if err != nil {
		return grantPlace{}, err
	}
	return grantPlace{there.Account, call.Region, key, *in.GrantId}, nil
}

var errGrantID = kms.InvalidGrantIdException.New("The grant ID is not valid.")

// retirableBy tells how far a principal may retire the grant, which may be nil, on a key
// of an account.
func (g *Grant) retirableBy(p *gate.Principal, owner string) policy.Grant {
	best := policy.NotGranted
	if p.Account == owner || g != nil && p.Account == g.Issuer {
		best = policy.GrantedToAccount
	}
	if g == nil {
		return best
	}
	for _, who := range standings(p) {
		if who.arn == g.Retiring || who.arn == g.Grantee && slices.Contains(g.Operations, kms.GrantOperationRetireGrant) {
			best = max(best, who.as)
		}
	}
	return best
}

func (s *Service) retireGrant(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	at, err := retiring(call, in)
	if err != nil {
		return nil, err
	}
	k, err := s.byID(tx, call.InAccount(at.account), at.key)
	if err != nil {
		return nil, err
	}
	return &kms.RetireGrantOutput{}, s.endGrant(tx, k, at.grant, in.DryRun)
}

func (s *Service) revokeGrant(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	k, err := s.findByID(tx, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if !isGrantID(*in.GrantId) {
		return nil, errGrantID
	}
	return &kms.RevokeGrantOutput{}, s.endGrant(tx, k, *in.GrantId, in.DryRun)
}

// endGrant removes a grant from its key.
func (s *Service) endGrant(tx kv.Tx, k *Key, id string, dryRun *bool) error {
	g, err := s.grants.get(tx, k, id)
	if err != nil {
		return err
	}
	if g == nil {
		return kms.NotFoundException.Newf("Grant %s is not found.", id)
	}
	if err := rehearsed(dryRun); err != nil {
		return err
	}
	return s.grants.remove(tx, k, g)
}
