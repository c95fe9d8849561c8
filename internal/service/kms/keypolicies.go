// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultPolicyName is the only name that a key policy has.
const defaultPolicyName = "default"

// bindPolicies binds the operations on key policies, which are the key's account's alone.
func (s *Service) bindPolicies(g *gate.Gate) {
	gate.Write(g, kms.PutKeyPolicy, gate.Row[kms.PutKeyPolicyInput]{
		Access: gate.AccessPermissions, Targets: on(s, s.findKey, func(in *kms.PutKeyPolicyInput) *string { return in.KeyId }, askedPolicy),
	}, s.putKeyPolicy)
	gate.Read(g, kms.GetKeyPolicy, gate.Row[kms.GetKeyPolicyInput]{
		Access: gate.AccessRead, Targets: on(s, s.findKey, func(in *kms.GetKeyPolicyInput) *string { return in.KeyId }),
	}, s.getKeyPolicy)
	gate.Read(g, kms.ListKeyPolicies, gate.Row[kms.ListKeyPoliciesInput]{
		Access: gate.AccessList, Targets: on(s, s.findKey, func(in *kms.ListKeyPoliciesInput) *string { return in.KeyId }),
	}, s.listKeyPolicies)
}

func (s *Service) putKeyPolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	old, err := s.findKey(tx, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := notDefault(in.PolicyName); err != nil {
		return nil, err
	}
	p, err := parseKeyPolicy(*in.Policy)
	if err != nil {
		return nil, err
	}
	if err := s.checkPrincipals(tx, p); err != nil {
		return nil, err
	}
	k := *old // which is shared
	k.Policy = *in.Policy
	k.compile()
	t := s.known(tx, call, k.target(call), conditions{key: &k})
	if err := k.keepable(call, t, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	return &kms.PutKeyPolicyOutput{}, s.putKey(tx, &k)
}

// askedPolicy has the condition key of PutKeyPolicy.
func askedPolicy(in *kms.PutKeyPolicyInput, _ *gate.Call, key string) ([]string, bool) {
	return bypassing(key, in.BypassPolicyLockoutSafetyCheck)
}

func (s *Service) getKeyPolicy(_ context.Context, r kv.Reader, call *gate.Call, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	k, err := s.findKey(r, call, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := notDefault(in.PolicyName); err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: new(k.document()), PolicyName: new(defaultPolicyName)}, nil
}

func (s *Service) listKeyPolicies(_ context.Context, r kv.Reader, call *gate.Call, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	if _, err := s.findKey(r, call, *in.KeyId); err != nil {
		return nil, err
	}
	if in.Marker != nil { // the one page there is has none
		return nil, errMarker
	}
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{defaultPolicyName}, Truncated: new(false)}, nil
}

// defaultPolicy is the key policy of keys that are made without one (AWS KMS Developer
// Guide, "Default key policy").
func (k *Key) defaultPolicy() string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : %q
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`, k.ownerRoot())
}

// managedPolicy is the key policy of an AWS managed key: every principal of the account
// may use it through the service that it belongs to, and the account may look at it (AWS
// KMS Developer Guide, "AWS managed keys").
func (k *Key) managedPolicy() string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "auto-%[1]s-1",
  "Statement" : [ {
    "Sid" : "Allow access through the service for all principals in the account that are authorized to use it",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "*"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:CallerAccount" : %[2]q,
        "kms:ViaService" : "%[1]s.%[3]s.amazonaws.com"
      }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : %[4]q
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`, k.Service, k.Account, k.Region, k.ownerRoot())
}

// ownerRoot is how a policy names all principals of the key's account.
func (k *Key) ownerRoot() string { return accountRoot(k.Account) }
