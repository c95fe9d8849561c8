// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	// maxGrants is how many grants a key may have (AWS KMS Developer Guide, "Resource
	// quotas": grants per KMS key).
	maxGrants = 50_000
	// grantIDLen is the length of a grant's id in bytes, of which it has two digits each.
	grantIDLen = 32
)

// bindGrants binds the operations on grants, which other accounts may call too.
func (s *Service) bindGrants(g *gate.Gate) {
	gate.Write(g, kms.CreateGrant, gate.Row[kms.CreateGrantInput]{
		Access: gate.AccessPermissions, Targets: gate.One(s.createGrantTarget),
	}, s.createGrant)
	gate.Read(g, kms.ListGrants, gate.Row[kms.ListGrantsInput]{
		Access: gate.AccessList, Targets: on(s, s.findByID, func(in *kms.ListGrantsInput) *string { return in.KeyId }, forService),
	}, s.listGrants)
	gate.Read(g, kms.ListRetirableGrants, gate.Row[kms.ListRetirableGrantsInput]{
		Access: gate.AccessList, Targets: gate.One(retirableTarget),
	}, s.listRetirableGrants)
	gate.Write(g, kms.RetireGrant, gate.Row[kms.RetireGrantInput]{
		Access: gate.AccessPermissions, Targets: gate.One(s.retireTarget),
	}, s.retireGrant)
	gate.Write(g, kms.RevokeGrant, gate.Row[kms.RevokeGrantInput]{
		Access: gate.AccessPermissions, Targets: on(s, s.findByID, func(in *kms.RevokeGrantInput) *string { return in.KeyId }, forService),
	}, s.revokeGrant)
}

// forService has the condition key of operations on grants that says whether a service
// makes the call for the caller.
func forService[In any](_ *In, call *gate.Call, key string) ([]string, bool) {
	return []string{strconv.FormatBool(call.Via != "")}, key == "kms:grantisforawsresource"
}

// createGrantTarget is the key, with what the request says of the grant.
func (s *Service) createGrantTarget(_ context.Context, r kv.Reader, call *gate.Call, in *kms.CreateGrantInput) (gate.Target, error) {
	k, err := s.findByID(r, call, *in.KeyId)
	t, err := targetOf(call, *in.KeyId, k, err)
	child := wanted(in)
	pairs := map[string]string{} // which policies see as the encryption context of the call
	maps.Copy(pairs, child.Subset)
	maps.Copy(pairs, child.Equals)
	return s.known(r, call, t, conditions{
		key: k, child: child, context: pairs,
		request: func(key string) ([]string, bool) { return child.condition(call, key) },
	}), err
}

// wanted is the grant that a request asks for, without what the server knows of it.
func wanted(in *kms.CreateGrantInput) *Grant {
	g := &Grant{Grantee: *in.GranteePrincipal, Operations: in.Operations}
	if in.RetiringPrincipal != nil {
		g.Retiring = *in.RetiringPrincipal
	}
	if in.Name != nil {
		g.Name = *in.Name
	}
	if in.Constraints != nil {
		g.Subset, g.Equals = in.Constraints.EncryptionContextSubset, in.Constraints.EncryptionContextEquals
	}
	return g
}

// condition has the condition keys of CreateGrant.
func (g *Grant) condition(call *gate.Call, key string) ([]string, bool) {
	switch key {
	case "kms:granteeprincipal":
		return []string{g.Grantee}, true
	case "kms:retiringprincipal":
		return []string{g.Retiring}, g.Retiring != ""
	case "kms:grantoperations":
		return g.Operations, true
	case "kms:grantconstrainttype":
		var types []string
		if len(g.Equals) > 0 {
			types = append(types, "EncryptionContextEquals")
		}
		if len(g.Subset) > 0 {
			types = append(types, "EncryptionContextSubset")
		}
		return types, types != nil
	}
	return forService(g, call, key)
}

func (s *Service) createGrant(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	k, err := s.findByID(tx, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	g := wanted(in)
	if err := s.grantable(tx, call, k, g, in); err != nil {
		return nil, err
	}
	if err := rehearsed(in.DryRun); err != nil {
		return nil, err
	}
	g.Issuer, g.Created = call.Principal.Account, call.Time.UTC()
	same, err := s.sameGrant(tx, k, g)
	if err != nil {
		return nil, err
	}
	if same != nil {
		return &kms.CreateGrantOutput{GrantId: &same.ID, GrantToken: new(newGrantToken(k, same.ID))}, nil
	}
	n, err := s.grants.count(tx, k)
	if err != nil {
		return nil, err
	}
	if n >= maxGrants {
		return nil, kms.LimitExceededException.Newf("The key %s has %d grants, the most that a key may have.", k.ARN(call), maxGrants)
	}
	var id [grantIDLen]byte
	_, _ = rand.Read(id[:])
	g.ID = hex.EncodeToString(id[:])
	// Its grantee may bring a ciphertext from another account, which a key that was made
	// before owners were kept has no record for.
	if err := s.owners.Put(tx, &owner{k.Account}, k.Region, k.ID); err != nil {
		return nil, err
	}
	return &kms.CreateGrantOutput{GrantId: &g.ID, GrantToken: new(newGrantToken(k, g.ID))}, s.grants.put(tx, k, g, n)
}

// sameGrant returns the grant that an earlier try of the same request made, or nil. Only a
// request with a name has one.
func (s *Service) sameGrant(r kv.Reader, k *Key, g *Grant) (*Grant, error) {
	if g.Name == "" {
		return nil, nil
	}
	for old, err := range s.grants.to(r, k, g.Grantee, "") {
		if err != nil {
			return nil, err
		}
		if old.Name == g.Name && old.Retiring == g.Retiring && old.Issuer == g.Issuer && sameOperations(old.Operations, g.Operations) &&
			maps.Equal(old.Subset, g.Subset) && maps.Equal(old.Equals, g.Equals) {
			return old, nil
		}
	}
	return nil, nil
}

func sameOperations(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// entry is the grant as it is listed.
func (g *Grant) entry(call *gate.Call, k *Key) kms.GrantListEntry {
	e := kms.GrantListEntry{
		KeyId: new(k.ARN(call)), GrantId: &g.ID, Name: &g.Name, CreationDate: new(api.Time{Time: g.Created}),
		GranteePrincipal: &g.Grantee, IssuingAccount: new(accountRoot(g.Issuer)), Operations: g.Operations,
	}
	if g.Retiring != "" {
		e.RetiringPrincipal = &g.Retiring
	}
	if len(g.Subset)+len(g.Equals) > 0 {
		e.Constraints = &kms.GrantConstraints{EncryptionContextSubset: g.Subset, EncryptionContextEquals: g.Equals}
	}
	return e
}
