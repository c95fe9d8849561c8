// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// AWS's quotas on the size of policies, in characters without white space (IAM User
// Guide, "IAM and AWS STS quotas": IAM and AWS STS character limits). That of inline
// policies is on all of one user, group or role together.
var (
	policySizeQuota = quota{"PolicySize", 6144}
	inlineSizes     = map[noun]int{userNoun: 2048, groupNoun: 5120, roleNoun: 10240}
)

var errOldVersion = iam.MalformedPolicyDocumentException.New("Policy document must be version 2012-10-17 or greater.")

// checkManaged refuses a document that a managed policy can't have.
func checkManaged(document string) error {
	if size(document) > policySizeQuota.most {
		return policySizeQuota.exceeded()
	}
	compiled, err := policy.Parse([]byte(document), policy.KindIdentity)
	if err == nil && compiled.Version() != policy.Version2012 {
		return errOldVersion
	}
	return malformed(err)
}

// checkInline refuses a document that can't be a holder's inline policy beside others.
func checkInline(h *holder, document string, others map[string]string) error {
	together := size(document)
	for _, other := range others {
		together += size(other)
	}
	if most := inlineSizes[h.noun]; together > most {
		return iam.LimitExceededException.Newf("Maximum policy size of %d bytes exceeded for %s %s", most, h.noun, h.name)
	}
	_, err := policy.Parse([]byte(document), policy.KindIdentity)
	return malformed(err)
}
