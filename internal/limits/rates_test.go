// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"slices"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
)

// Each table names operations that there are, each once.
func TestTheTablesNameOperations(t *testing.T) {
	t.Parallel()
	for _, table := range [][]rate{standard, higher} {
		seen := map[operation]bool{}
		for _, r := range table {
			for _, name := range r.operations {
				if o := (operation{r.service, name}); seen[o] || !slices.Contains(r.service.Operations, name) {
					t.Errorf("%s:%s is no operation, or there twice", r.service.Name, name)
				} else {
					seen[o] = true
				}
			}
		}
		for _, name := range secretsmanager.Service.Operations {
			if !seen[operation{secretsmanager.Service, name}] && len(seen) > 10 {
				t.Errorf("secretsmanager:%s has no rate", name)
			}
		}
	}
}
