// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"github.com/coffer-secrets/coffer/internal/limits"
)

// off is the value of settings that turn something off, and aws of those that have what
// AWS has.
const (
	off = "off"
	aws = "aws"
)

// limits are those that the settings choose.
func (c *Config) limits() (l limits.Limits, err error) {
	if c.Throughput != off {
		if l.Throughput, err = limits.NewThroughput(c.Throughput); err != nil {
			return l, err
		}
	}
	switch c.Quotas {
	case off:
	case aws:
		l.Quotas = limits.AWSQuotas()
	default:
		return l, fmt.Errorf("quotas %q: %s or %s", c.Quotas, off, aws)
	}
	if l.SecretSize = c.MaxSecretSize; l.SecretSize != 0 && (l.SecretSize < limits.SecretSize || l.SecretSize > limits.MaxSecretSize) {
		return l, fmt.Errorf("max-secret-size %d: %d to %d bytes", l.SecretSize, limits.SecretSize, limits.MaxSecretSize)
	}
	return l, nil
}
