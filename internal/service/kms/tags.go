// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/kms"
)

// maxTags is how many tags a key may have (AWS KMS Developer Guide, "Tags in AWS KMS").
const maxTags = 50

// tagMap checks the tags of a request, and returns them by key.
func tagMap(tags []kms.Tag) (map[string]string, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	if len(tags) > maxTags {
		return nil, kms.TagException.New("Too many tags")
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		if len(*t.TagKey) >= 4 && strings.EqualFold((*t.TagKey)[:4], "aws:") {
			return nil, kms.TagException.New("Tags beginning with aws: are reserved")
		}
		if _, ok := m[*t.TagKey]; ok {
			return nil, kms.TagException.New("Duplicate tag keys")
		}
		m[*t.TagKey] = *t.TagValue
	}
	return m, nil
}
