// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strconv"
	"strings"
)

// values returns the values of a condition key: those of the principal from the
// request itself, all others from its context. IAM User Guide, "AWS global condition
// context keys".
func (r *Request) values(key string) ([]string, bool) {
	if r.Given != nil {
		if values, ok := r.Given.Values(key); ok {
			return values, true
		}
	}
	p := &r.Principal
	switch key {
	case "aws:principalarn":
		return unlessEmpty(p.roleOrOwn())
	case "aws:principalaccount":
		return unlessEmpty(p.Account)
	case "aws:principaltype":
		return unlessEmpty(principalTypes[p.Type])
	case "aws:principalisawsservice":
		return []string{strconv.FormatBool(p.Type == Service)}, true
	case "aws:principalservicename":
		if p.Type != Service {
			return nil, false
		}
		return unlessEmpty(p.ARN)
	case "aws:userid":
		return unlessEmpty(p.UserID)
	case "aws:username":
		if p.Type != User {
			return nil, false
		}
		return unlessEmpty(p.ARN[strings.LastIndexByte(p.ARN, '/')+1:])
	case "aws:resourceaccount":
		return unlessEmpty(r.Account)
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return Tag(p.Tags, tag)
	}
	if r.Context == nil {
		return nil, false
	}
	return r.Context.Values(key)
}

// principalTypes are the values of aws:PrincipalType: IAM User Guide, "IAM policy
// elements: Variables and tags".
var principalTypes = map[PrincipalType]string{Root: "Account", User: "User", AssumedRole: "AssumedRole", FederatedUser: "FederatedUser"}

// roleOrOwn is aws:PrincipalArn: of a role's session that of the role.
func (p *Principal) roleOrOwn() string {
	switch {
	case p.alien():
		return ""
	case p.Type == AssumedRole:
		return p.Issuer
	}
	return p.ARN
}

func unlessEmpty(s string) ([]string, bool) {
	if s == "" {
		return nil, false
	}
	return []string{s}, true
}

// Tag looks up a tag for a Context, by the name that a condition key ends with. As
// that has no case, several tags may be meant: then all their values are returned, in
// order.
func Tag(tags map[string]string, name string) ([]string, bool) {
	var values []string
	for key, value := range tags {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values, values != nil
}
