// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// quota is how many of a thing there may be, by the name that AWS's answer gives it:
// the key of the summary of GetAccountSummary too.
type quota struct {
	name string
	most int
}

// AWS's default quotas (IAM User Guide, "IAM and AWS STS quotas"). Where the page says
// that one can be raised, it can't be here.
var (
	usersQuota          = quota{"UsersPerAccount", 5000}
	groupsQuota         = quota{"GroupsPerAccount", 300}
	rolesQuota          = quota{"RolesPerAccount", 1000}
	policiesQuota       = quota{"PoliciesPerAccount", 1500}
	providersQuota      = quota{"OpenIdConnectProvidersPerAccount", 100}
	clientIDsQuota      = quota{"ClientIdsPerOpenIdConnectProvider", 100}
	groupsPerUserQuota  = quota{"GroupsPerUser", 10}
	keysQuota           = quota{"AccessKeysPerUser", identity.MaxKeys}
	userPoliciesQuota   = quota{"PoliciesPerUser", 10}
	groupPoliciesQuota  = quota{"PoliciesPerGroup", 10}
	rolePoliciesQuota   = quota{"PoliciesPerRole", 10}
	policyVersionsQuota = quota{"VersionsPerPolicy", 5}
	trustSizeQuota      = quota{"ACLSizePerRole", 2048} // characters
)

// room refuses one more than the quota, of as many as there are.
func (q quota) room(there int) error {
	if there < q.most {
		return nil
	}
	return q.exceeded()
}

func (q quota) exceeded() error {
	return iam.LimitExceededException.Newf("Cannot exceed quota for %s: %d", q.name, q.most)
}
