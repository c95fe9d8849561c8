// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// genPairs makes encryption contexts that often have pairs in common.
var genPairs = rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "A"}), rapid.SampledFrom([]string{"1", "2"}), 0, 3)

func genGrant(t *rapid.T, name string) *Grant {
	return &Grant{
		Operations: rapid.SliceOfN(rapid.SampledFrom([]string{"Encrypt", "Decrypt", "CreateGrant", "DescribeKey"}), 1, 3).Draw(t, name+" operations"),
		Subset:     genPairs.Draw(t, name+" subset"),
		Equals:     genPairs.Draw(t, name+" equals"),
	}
}

// TestAGrantWithinAnotherNeverWidens holds that a grant which its parent lets be made
// permits nothing that the parent does not permit, and that those which it lets be made
// are within the parent too.
func TestAGrantWithinAnotherNeverWidens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parent, child := genGrant(t, "parent"), genGrant(t, "child")
		if rapid.Bool().Draw(t, "alike") {
			child.Operations, child.Equals = parent.Operations, parent.Equals
			child.Subset = maps.Clone(parent.Subset)
			maps.Copy(child.Subset, genPairs.Draw(t, "more"))
		}
		if !child.within(parent) {
			return
		}
		grandchild := genGrant(t, "grandchild")
		for _, context := range []map[string]string{genPairs.Draw(t, "context"), child.Equals, child.Subset, parent.Equals} {
			for _, operation := range []string{"Encrypt", "Decrypt", "CreateGrant", "DescribeKey"} {
				c := &conditions{context: context, child: grandchild}
				if child.permits(operation, c) && !parent.permits(operation, c) {
					t.Errorf("%s under %v: the child permits it, the parent does not", operation, context)
				}
			}
		}
	})
}
