// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"slices"
	"strings"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
)

// maxReplicas is how many replicas a secret has: more than AWS has regions in one
// partition. Every change of the secret writes a job for each, so that the transaction
// needs room for as many: see kv.MaxOps.
const maxReplicas = 40

// AWS's regions, by partition (AWS General Reference, "AWS Secrets Manager endpoints
// and quotas").
const (
	regionsAWS = "af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 " +
		"ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 " +
		"ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 " +
		"il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"
	regionsChina = "cn-north-1 cn-northwest-1"
	regionsUSGov = "us-gov-east-1 us-gov-west-1"
)

// neighbourhood names the regions that a secret of that region can be replicated to. No
// secret leaves its partition ("Replicate AWS Secrets Manager secrets across Regions").
// A server has any region that it is asked for, so that regions which AWS does not have
// are in one neighbourhood of their own: a misspelt one of AWS's is not replicated to.
func neighbourhood(region string) string {
	for _, all := range []string{regionsAWS, regionsChina, regionsUSGov} {
		if slices.Contains(strings.Fields(all), region) {
			return all
		}
	}
	return ""
}

// checkRegions refuses regions that the secret can't be replicated to.
func (s *Secret) checkRegions(call *gate.Call, asked []sm.ReplicaRegionType) error {
	seen := map[string]bool{}
	for _, r := range s.Replicas {
		seen[r.Region] = true
	}
	more := map[string]bool{}
	for _, r := range asked {
		region := value(r.Region)
		switch {
		case region == "" || region == s.Region || neighbourhood(region) != neighbourhood(s.Region) ||
			call.In(region).Partition() != call.Partition():
			return sm.InvalidParameterException.New("Invalid replica region.")
		case more[region]:
			return sm.InvalidParameterException.Newf("Replica region %s is there more than once.", region)
		}
		more[region], seen[region] = true, true
	}
	if len(seen) > maxReplicas {
		return sm.InvalidParameterException.Newf("You can't replicate a secret to more than %d regions.", maxReplicas)
	}
	return nil
}
