// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package limits holds those of AWS's limits that a server has only if its operator wants
// them: how many calls a second an account may make, and how many resources it may have. A
// program that is to run on AWS meets them here first. Beside them is the one limit that
// an operator may raise, the size of a secret.
//
// AWS's figures are data: see rates.go and quotas.go, which name their sources.
package limits

// SecretSize is the largest value of a secret in AWS, in bytes:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const SecretSize = 65536

// MaxSecretSize is what a server can be told to take instead, in bytes. As base64, a
// request with such a value is below the largest body, and the record of one, encrypted,
// is below the largest value that stores keep.
const MaxSecretSize = 512 << 10

// Limits are those of a server. The zero Limits bound nothing but the size of a secret, to
// what AWS takes.
type Limits struct {
	// Throughput bounds calls a second. Nil bounds nothing.
	Throughput *Throughput
	// Quotas bound resources.
	Quotas Quotas
	// SecretSize is the largest value of a secret, in bytes. Zero means SecretSize.
	SecretSize int
}
