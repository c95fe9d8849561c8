// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// tiered is a parameter's record as far as quotas go.
type tiered struct{ Current struct{ Tier string } }

// fit refuses a parameter that is one too many of its tier, which is another than before
// (empty for a new one). Asked for Intelligent-Tiering, one too many of the standard tier
// is of the advanced one.
func (s *service) fit(r kv.Reader, call *gate.Call, p *Parameter, before string, asked *string) error {
	quotas := call.Limits().Quotas
	if tier := &p.Current.Tier; *tier != before && *tier == ssm.ParameterTierStandard {
		full, err := s.full(r, call, *tier, quotas.StandardParameters)
		if err != nil || !full {
			return err
		}
		if asked == nil || *asked != ssm.ParameterTierIntelligentTiering {
			return errTooMany
		}
		*tier = ssm.ParameterTierAdvanced
	}
	if p.Current.Tier == before {
		return nil
	}
	full, err := s.full(r, call, ssm.ParameterTierAdvanced, quotas.AdvancedParameters)
	if err == nil && full {
		err = errTooMany
	}
	return err
}

var errTooMany = ssm.ParameterLimitExceeded.New("You have exceeded the number of parameters for this AWS account. Delete one or more parameters and try again.")

// full reports whether the account has as many parameters of a tier in the region as the
// quota allows; there is no quota if that is zero. It counts them anew: no counter is
// kept that all writers would share.
func (s *service) full(r kv.Reader, call *gate.Call, tier string, quota int) (bool, error) {
	if quota == 0 {
		return false, nil
	}
	n := 0
	for item, err := range s.tiers.All(r, "", call.Account, call.Region) {
		if err != nil {
			return false, err
		}
		if item.Value.Current.Tier == tier {
			n++
		}
		if n == quota {
			return true, nil
		}
	}
	return false, nil
}
