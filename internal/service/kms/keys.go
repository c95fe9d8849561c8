// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxGenerating is how many slow key pairs are made at once: an RSA pair of 4096 bits
// takes seconds of a core.
const maxGenerating = 2

// bindKeys binds the operations on keys themselves.
func (s *Service) bindKeys(g *gate.Gate) {
	gate.Write(g, kms.CreateKey, gate.Row[kms.CreateKeyInput]{
		Access: gate.AccessWrite, Targets: gate.One(createTarget), Prepare: s.prepareKey,
	}, s.createKey)
	gate.Write(g, kms.DescribeKey, gate.Row[kms.DescribeKeyInput]{
		Access: gate.AccessRead, Targets: on(s, s.find, func(in *kms.DescribeKeyInput) *string { return in.KeyId }),
	}, s.describeKey)
	gate.Read(g, kms.ListKeys, gate.Row[kms.ListKeysInput]{
		Access: gate.AccessList, Targets: gate.Everything[kms.ListKeysInput],
	}, s.listKeys)
}

// prepareKey makes the key that CreateKey stores, outside the transaction: a key pair
// takes long to make.
func (s *Service) prepareKey(ctx context.Context, call *gate.Call, in *kms.CreateKeyInput) (any, error) {
	spec, usage, err := chosenSpec(in)
	if err != nil {
		return nil, err
	}
	if err := checkOrigin(in); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	k := &Key{
		Account: call.Account, Region: call.Region, Created: call.Time.UTC(),
		State: kms.KeyStateEnabled, Manager: kms.KeyManagerTypeCustomer,
		Spec: spec, Usage: usage, Origin: kms.OriginTypeAWSKMS, Tags: tags,
	}
	if in.Description != nil {
		k.Description = *in.Description
	}
	if in.Policy != nil {
		if _, err := parseKeyPolicy(*in.Policy); err != nil {
			return nil, err
		}
		k.Policy = *in.Policy
		k.compile()
	}
	k.MultiRegion = in.MultiRegion != nil && *in.MultiRegion
	k.ID = newKeyID(k.MultiRegion)
	material, err := s.generate(ctx, spec)
	if err != nil {
		return nil, err
	}
	k.Material = []Material{newMaterial(material, k.Created)}
	return k, nil
}

// generate makes key material, when there is room to if it takes long.
func (s *Service) generate(ctx context.Context, name string) ([]byte, error) {
	spec := keySpecs[name]
	if spec.slow {
		select {
		case s.generating <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-s.generating }()
	}
	return spec.generate()
}

// checkOrigin refuses key material that is not made here.
func checkOrigin(in *kms.CreateKeyInput) error {
	switch {
	case in.Origin != nil && *in.Origin != kms.OriginTypeAWSKMS:
		return kms.UnsupportedOperationException.Newf("This server does not serve keys of the origin %s.", *in.Origin)
	case in.XksKeyId != nil:
		return kms.UnsupportedOperationException.New("This server has no external key stores, so XksKeyId names nothing.")
	case in.CustomKeyStoreId != nil:
		return kms.CustomKeyStoreNotFoundException.Newf("Custom key store %s is not found.", *in.CustomKeyStoreId)
	}
	return nil
}

func (s *Service) createKey(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	k := call.Prepared().(*Key)
	call.Concerns(k.target(call))
	if k.compiled != nil {
		if err := s.checkPrincipals(tx, k.compiled.Policy); err != nil {
			return nil, err
		}
		t := s.known(tx, call, k.target(call), conditions{key: k})
		if err := k.keepable(call, t, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	if len(in.Tags) > 0 { // which an identity policy allows: there is no key yet that would
		t := gate.Target{ARN: k.ARN(call), Type: resourceType, Keys: creation{call, in}.values}
		if err := call.Authorize("kms:TagResource", t); err != nil {
			return nil, err
		}
	}
	if err := s.room(tx, call); err != nil {
		return nil, err
	}
	if err := s.putKey(tx, k); err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: k.metadata(call)}, nil
}

// room refuses a key that is one too many for the account and region, if there is a quota:
// AWS's own keys don't count. It counts them anew: no counter is kept that all writers
// would share.
func (s *Service) room(r kv.Reader, call *gate.Call) error {
	quota, n := call.Limits().Quotas.Keys, 0
	if quota == 0 {
		return nil
	}
	for item, err := range s.keys.All(r, "", call.Account, call.Region) {
		if err != nil {
			return err
		}
		if item.Value.Manager == kms.KeyManagerTypeCustomer {
			n++
		}
		if n == quota {
			return kms.LimitExceededException.Newf("The account has as many KMS keys in this region as its quota allows: %d.", quota)
		}
	}
	return nil
}

func (s *Service) putKey(tx kv.Tx, k *Key) error {
	if err := s.owners.Put(tx, &owner{k.Account}, k.Region, k.ID); err != nil {
		return err
	}
	return s.keys.Put(tx, k, k.Account, k.Region, k.ID)
}

// describeKey writes because looking at a predefined alias of AWS's makes its key.
func (s *Service) describeKey(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	if name, err := localName(call, *in.KeyId); err == nil && isPredefined(name) {
		if _, err := s.EnsureManaged(tx, call, name); err != nil {
			return nil, err
		}
	}
	k, err := s.find(tx, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: k.metadata(call)}, nil
}

func (s *Service) listKeys(_ context.Context, r kv.Reader, call *gate.Call, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	page, err := openPage(call, in.Limit, in.Marker, keysPage)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeysOutput{Keys: []kms.KeyListEntry{}}
	for item, err := range s.keys.All(r, page.after, call.Account, call.Region) {
		if err != nil {
			return nil, err
		}
		if len(out.Keys) == page.limit {
			out.NextMarker = new(call.PageToken(*out.Keys[page.limit-1].KeyId))
			break
		}
		out.Keys = append(out.Keys, kms.KeyListEntry{KeyId: &item.Value.ID, KeyArn: new(item.Value.ARN(call))})
	}
	out.Truncated = new(out.NextMarker != nil)
	return out, nil
}
