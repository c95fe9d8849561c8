// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
)

// tagMap returns tags by key.
func tagMap(tags []iam.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

// newTags checks the tags of a request, and returns them by key. Keys that differ in
// case alone are one (IAM User Guide, "Tags for AWS Identity and Access Management
// resources").
func newTags(tags []iam.Tag) (map[string]string, error) {
	seen := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(*t.Key)
		if strings.HasPrefix(key, "aws:") {
			return nil, iam.InvalidInputException.New("Tag keys that begin with aws: are reserved for system use.")
		}
		if seen[key] {
			return nil, errSameTags
		}
		seen[key] = true
	}
	return tagMap(tags), nil
}

// showTags returns tags as answers have them, in the order of their keys.
func showTags(tags map[string]string) []iam.Tag {
	var out []iam.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, iam.Tag{Key: new(key), Value: new(tags[key])})
	}
	return out
}
