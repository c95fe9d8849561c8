// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"iter"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// summarize counts what there is in the account, and tells what there can be.
func (s *Service) summarize(_ context.Context, r kv.Reader, call *gate.Call, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	d := s.directory
	summary := quotas()
	for key, count := range map[string]func() (int, error){
		iam.SummaryKeyTypeUsers:     func() (int, error) { return count(d.Principals.All(r, "", call.Account, string(identity.User))) },
		iam.SummaryKeyTypeRoles:     func() (int, error) { return count(d.Principals.All(r, "", call.Account, string(identity.Role))) },
		iam.SummaryKeyTypeGroups:    func() (int, error) { return count(d.Groups.All(r, "", call.Account)) },
		iam.SummaryKeyTypePolicies:  func() (int, error) { return count(d.Policies.All(r, "", call.Account)) },
		iam.SummaryKeyTypeProviders: func() (int, error) { return count(d.Providers.All(r, "", call.Account)) },
		iam.SummaryKeyTypePolicyVersionsInUse: func() (n int, err error) {
			for item, err := range d.Policies.All(r, "", call.Account) {
				if err != nil {
					return 0, err
				}
				n += len(item.Value.Versions)
			}
			return n, nil
		},
		iam.SummaryKeyTypeAccountAccessKeysPresent: func() (int, error) {
			keys, err := d.Keys(r, call.Account, identity.Root, string(identity.Root))
			return min(len(keys), 1), err
		},
	} {
		n, err := count()
		if err != nil {
			return nil, err
		}
		summary[key] = int32(n)
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: summary}, nil
}

func count[T any](all iter.Seq2[record.Item[T], error]) (n int, err error) {
	for _, err := range all {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// quotas are the entries of a summary that are the same for every account: what there can
// be, and that there is nothing of what is not served here. Quotas of that are AWS's (IAM
// User Guide, "IAM and AWS STS quotas").
func quotas() map[string]int32 {
	all := map[string]int32{
		iam.SummaryKeyTypePolicyVersionsInUseQuota:        10000,
		iam.SummaryKeyTypeServerCertificatesQuota:         20,
		iam.SummaryKeyTypeSigningCertificatesPerUserQuota: 2,
		iam.SummaryKeyTypeInstanceProfilesQuota:           1000,
		iam.SummaryKeyTypeGlobalEndpointTokenVersion:      2, // as tokens are good in every region
	}
	for _, key := range []string{
		iam.SummaryKeyTypeServerCertificates, iam.SummaryKeyTypeInstanceProfiles, iam.SummaryKeyTypeMFADevices, iam.SummaryKeyTypeMFADevicesInUse,
		iam.SummaryKeyTypeAccountMFAEnabled, iam.SummaryKeyTypeAccountPasswordPresent, iam.SummaryKeyTypeAccountSigningCertificatesPresent,
	} {
		all[key] = 0
	}
	for key, q := range map[string]quota{
		iam.SummaryKeyTypeUsersQuota:                    usersQuota,
		iam.SummaryKeyTypeGroupsQuota:                   groupsQuota,
		iam.SummaryKeyTypeRolesQuota:                    rolesQuota,
		iam.SummaryKeyTypePoliciesQuota:                 policiesQuota,
		iam.SummaryKeyTypeGroupsPerUserQuota:            groupsPerUserQuota,
		iam.SummaryKeyTypeAccessKeysPerUserQuota:        keysQuota,
		iam.SummaryKeyTypeAttachedPoliciesPerUserQuota:  userPoliciesQuota,
		iam.SummaryKeyTypeAttachedPoliciesPerGroupQuota: groupPoliciesQuota,
		iam.SummaryKeyTypeAttachedPoliciesPerRoleQuota:  rolePoliciesQuota,
		iam.SummaryKeyTypeVersionsPerPolicyQuota:        policyVersionsQuota,
		iam.SummaryKeyTypeAssumeRolePolicySizeQuota:     trustSizeQuota,
		iam.SummaryKeyTypePolicySizeQuota:               policySizeQuota,
	} {
		all[key] = int32(q.most)
	}
	for key, holder := range map[string]noun{
		iam.SummaryKeyTypeUserPolicySizeQuota:  userNoun,
		iam.SummaryKeyTypeGroupPolicySizeQuota: groupNoun,
		iam.SummaryKeyTypeRolePolicySizeQuota:  roleNoun,
	} {
		all[key] = int32(inlineSizes[holder])
	}
	return all
}
