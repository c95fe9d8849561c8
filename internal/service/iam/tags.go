// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
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

// maxTags is how many tags an entity has (IAM User Guide, "IAM and AWS STS quotas").
const maxTags = 50

// tagKeys says which keys of tags are one, and what is answered to a request with two of
// them (IAM User Guide, "Tags for AWS Identity and Access Management resources", Case
// sensitivity).
type tagKeys struct {
	fold      func(key string) string
	duplicate error
}

// Keys of users and roles keep their case, and are one if they differ in nothing else.
// Those of other entities are just what they are.
var (
	caselessKeys = tagKeys{strings.ToLower, errSameTags}
	exactKeys    = tagKeys{itself, errDuplicateTags}
)

// newTags checks the tags of a request for a user or role, and returns them by key.
func newTags(tags []iam.Tag) (map[string]string, error) { return caselessKeys.added(nil, tags) }

// newExactTags is newTags for whatever else has tags.
func newExactTags(tags []iam.Tag) (map[string]string, error) { return exactKeys.added(nil, tags) }

// added checks the tags of a request, and returns them with those of old that they do not
// take the place of.
func (k tagKeys) added(old map[string]string, tags []iam.Tag) (map[string]string, error) {
	out, seen := maps.Clone(old), map[string]bool{}
	for _, t := range tags {
		key := k.fold(*t.Key)
		switch {
		case reserved(*t.Key) || reserved(*t.Value):
			return nil, errReservedTag
		case seen[key]:
			return nil, k.duplicate
		}
		seen[key] = true
		maps.DeleteFunc(out, func(other, _ string) bool { return k.fold(other) == key })
		if out == nil {
			out = make(map[string]string, len(tags))
		}
		out[*t.Key] = *t.Value
	}
	if len(out) > maxTags {
		return nil, errTooManyTags
	}
	return out, nil
}

// without returns tags without those that have one of the keys.
func (k tagKeys) without(old map[string]string, keys []string) map[string]string {
	out := maps.Clone(old)
	for _, key := range keys {
		maps.DeleteFunc(out, func(other, _ string) bool { return k.fold(other) == k.fold(key) })
	}
	return out
}

// reserved reports whether a tag's key or value is one that only AWS gives.
func reserved(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "aws:") }

// mayTag refuses to make an entity with tags for somebody who may not tag it.
func mayTag(call *gate.Call, action string, t gate.Target, tags []iam.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	return call.Authorize(action, t)
}

// showTags returns tags as answers have them, in the order of their keys.
func showTags(tags map[string]string) []iam.Tag {
	var out []iam.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, iam.Tag{Key: new(key), Value: new(tags[key])})
	}
	return out
}
