// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

// Parse makes no resource-based policy yet, so this can't be seen from outside.
func TestAResourceBasedPolicyDeniesInAnyOtherPlace(t *testing.T) {
	t.Parallel()
	p := &Policy{kind: KindResource, statements: make([]statement, 1)}
	for kind := KindIdentity; kind <= KindResource; kind++ {
		if p.usableAs(kind) {
			t.Errorf("it is taken for an %v", kind)
		}
	}
}
