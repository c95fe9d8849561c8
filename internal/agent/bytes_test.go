// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// TestABodyHasRoom holds that a body is written into one buffer: growing would leave
// parts of the value in the old one.
func TestABodyHasRoom(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`"`, 64<<10) // each is escaped
	for name, v := range map[string]cache.Value{
		"text":      {Text: secret.FromString(long)},
		"binary":    {Binary: secret.FromString(long)},
		"parameter": {Text: secret.FromString(long), Parameter: &cache.ParameterInfo{SourceResult: secret.FromString(long)}},
		"names":     {ARN: strings.Repeat("a", 2048), Name: strings.Repeat("n", 2048), Text: secret.FromString("x")},
	} {
		for _, c := range []*contract{&extensionRules, &agentRules} {
			if n := len(c.body(nil, &v)); n > room(&v) {
				t.Errorf("%s: %d bytes do not fit %d", name, n, room(&v))
			}
		}
	}
}
