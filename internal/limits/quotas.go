// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package limits

// Quotas are how many resources an account may have in a region. Zero means as many as
// it likes.
type Quotas struct {
	StandardParameters, AdvancedParameters int
	// Secrets include those that are to be deleted.
	Secrets int
	// Keys are KMS keys that the account's callers made.
	Keys int
}

// AWSQuotas returns AWS's defaults:
// https://docs.aws.amazon.com/general/latest/gr/ssm.html,
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html and
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
func AWSQuotas() Quotas {
	return Quotas{StandardParameters: 10_000, AdvancedParameters: 100_000, Secrets: 500_000, Keys: 100_000}
}
