// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// conditions are the condition keys of one decision, by the service authorization
// reference of AWS Identity and Access Management. What is not set is absent.
type conditions struct {
	// tags are the entity's: aws:ResourceTag/… and iam:ResourceTag/….
	tags map[string]string
	// asked are the tags that the request sets: aws:RequestTag/… and aws:TagKeys.
	asked []iam.Tag
	// untagged are the keys of those that it removes: aws:TagKeys.
	untagged []string
	// boundary is the permissions boundary that the request sets, or else that the user
	// or role has: iam:PermissionsBoundary.
	boundary string
	// policyARN is the managed policy that is attached or detached: iam:PolicyARN.
	policyARN string
}

// values looks a key up for a gate.Target.
func (c conditions) values(key string) ([]string, bool) {
	switch key {
	case "iam:permissionsboundary":
		return unlessEmpty(c.boundary)
	case "iam:policyarn":
		return unlessEmpty(c.policyARN)
	case "aws:tagkeys":
		keys := slices.Clone(c.untagged)
		for _, t := range c.asked {
			keys = append(keys, *t.Key)
		}
		return keys, len(keys) > 0
	}
	for _, prefix := range []string{"aws:resourcetag/", "iam:resourcetag/"} {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			return policy.Tag(c.tags, name)
		}
	}
	if name, ok := strings.CutPrefix(key, "aws:requesttag/"); ok {
		return policy.Tag(tagMap(c.asked), name)
	}
	return nil, false
}

func unlessEmpty(v string) ([]string, bool) { return []string{v}, v != "" }
