// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// conditions are the condition keys of one decision about a new session, by the service
// authorization reference of AWS Security Token Service. What is empty is absent.
type conditions struct {
	// passed has the tags that the request passes: aws:RequestTag/…, aws:TagKeys and
	// sts:TransitiveTagKeys. Those that the session inherits are none of the request's.
	passed *passed
	// tags are the role's.
	tags map[string]string
	// externalID, session and source are sts:ExternalId, sts:RoleSessionName and
	// sts:SourceIdentity.
	externalID, session, source string
}

// values looks a key up for a gate.Target.
func (c conditions) values(key string) ([]string, bool) {
	switch key {
	case "sts:externalid":
		return []string{c.externalID}, c.externalID != ""
	case "sts:rolesessionname":
		return []string{c.session}, c.session != ""
	case "sts:sourceidentity":
		return []string{c.source}, c.source != ""
	case "sts:transitivetagkeys":
		return c.passed.transitive, len(c.passed.transitive) > 0
	case "aws:tagkeys":
		return c.passed.keys()
	}
	if name, ok := strings.CutPrefix(key, "aws:requesttag/"); ok {
		return c.passed.value(name)
	}
	for _, prefix := range []string{"aws:resourcetag/", "iam:resourcetag/"} {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			return policy.Tag(c.tags, name)
		}
	}
	return nil, false
}

func (p *passed) keys() (keys []string, found bool) {
	for _, t := range p.tags {
		keys = append(keys, *t.Key)
	}
	return keys, keys != nil
}

// value is that of the tag whose key is name, in whatever case: there is one at most.
func (p *passed) value(name string) ([]string, bool) {
	for _, t := range p.tags {
		if strings.EqualFold(*t.Key, name) {
			return []string{*t.Value}, true
		}
	}
	return nil, false
}
