// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
)

// The largest values, in bytes:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const (
	maxStandardValue = 4096
	maxAdvancedValue = 8192
)

// The messages of AWS about tiers.
const (
	msgDowngrade = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier " +
		"to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter. " +
		"Be aware that standard parameters have a value limit of 4096 characters."
	msgStandardValue = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, " +
		"upgrade the parameter to use the advanced-parameter tier. For more information, see " +
		"https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
	msgAdvancedValue    = "Advanced-tier parameters support a maximum parameter value of 8192 characters."
	msgStandardPolicies = "You can't assign parameter policies to a standard-parameter tier."
)

// chooseTier returns the tier of a version with a value of that size. Before is the
// tier of the version before, or empty: what the request does not say stays as it
// is, and an advanced parameter never becomes a standard one.
func chooseTier(asked *string, before string, size int, policies bool) (string, error) {
	tier := before
	if tier == "" {
		tier = ssm.ParameterTierStandard
	}
	if asked != nil {
		switch *asked {
		case ssm.ParameterTierIntelligentTiering:
			if size > maxStandardValue || policies {
				tier = ssm.ParameterTierAdvanced
			}
		case ssm.ParameterTierStandard:
			if before == ssm.ParameterTierAdvanced {
				return "", api.ValidationException.New(msgDowngrade)
			}
		default:
			tier = *asked
		}
	}
	switch {
	case tier == ssm.ParameterTierStandard && size > maxStandardValue:
		return "", api.ValidationException.New(msgStandardValue)
	case tier == ssm.ParameterTierStandard && policies:
		return "", api.ValidationException.New(msgStandardPolicies)
	case size > maxAdvancedValue:
		return "", api.ValidationException.New(msgAdvancedValue)
	}
	return tier, nil
}
