// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// Public reports whether the policy of a resource allows anything to everybody: to *,
// or to all but some, without a condition that leaves a known circle of callers.
//
// Such a condition compares one of the keys that tell where a call comes from or whose
// it is (an account, an organization, a principal, a network, a resource that made a
// service call) for equality with values that are fixed: not with a wildcard or a
// variable where it could stand for anybody, not with a range of addresses that is
// most of the internet. What may be absent (IfExists), or holds of nothing
// (ForAllValues), keeps nobody out, and neither does a comparison with what callers may
// choose themselves, such as a tag, a user agent or a time.
//
// A Deny elsewhere in the policy is not counted: a policy that is public but for what
// it denies is reported as public. This is what AWS describes for S3 ("The meaning of
// public"), and Secrets Manager for BlockPublicPolicy, as far as it says.
func (p *Policy) Public() bool {
	for i := range p.statements {
		if p.statements[i].public() {
			return true
		}
	}
	return false
}

func (s *statement) public() bool {
	if s.effect != Allow || s.principals == nil || !s.principals.everybody && !s.principals.not {
		return false
	}
	if s.principals.everybody && s.principals.not {
		return false // all but everybody
	}
	for i := range s.conditions {
		if s.conditions[i].narrows() {
			return false
		}
	}
	return true
}

// circles are the condition keys that can tell a known circle of callers, with what
// makes a value fixed.
var circles = map[string]func(*operand) bool{
	"aws:principalaccount":  fixedText,
	"aws:principalarn":      fixedOwner,
	"aws:principalorgid":    fixedText,
	"aws:principalorgpaths": fixedOrganization,
	"aws:userid":            fixedIdentity,
	"aws:sourceaccount":     fixedText,
	"aws:sourcearn":         fixedOwner,
	"aws:sourceorgid":       fixedText,
	"aws:sourceorgpaths":    fixedOrganization,
	"aws:sourceowner":       fixedText,
	"aws:sourcevpc":         fixedText,
	"aws:sourcevpce":        fixedText,
	"aws:sourceip":          narrowRange,
	"kms:calleraccount":     fixedText,
}

// narrows reports whether the condition leaves a known circle.
func (c *condition) narrows() bool {
	fixed := circles[c.key]
	if fixed == nil || c.negated || c.ifExists || c.set == forAllValues || c.family == asPresence {
		return false
	}
	for i := range c.operands {
		if !fixed(&c.operands[i]) {
			return false
		}
	}
	return true
}

// fixed returns what a value says before its first wildcard, and whether that is all.
// One with a variable says nothing.
func (v *operand) fixed() (head string, whole bool) {
	switch {
	case v.open != nil || v.like.open != nil:
		return "", false
	case v.text != "":
		return v.text, true
	}
	return v.like.head, len(v.like.ops) == 0
}

func fixedText(v *operand) bool {
	head, whole := v.fixed()
	return whole && head != ""
}

// fixedOwner wants an ARN's account to be fixed or, where its service's names have
// none, the name.
func fixedOwner(v *operand) bool {
	parts := strings.SplitN(v.raw, ":", arnColons+1)
	return fixedText(v) || v.like.style == likeARN && v.like.open == nil && arn.IsAccount(parts[arnColons-1])
}

// fixedOrganization wants a path that begins with an organization: o-a1b2c3d4e5/...
func fixedOrganization(v *operand) bool {
	head, _ := v.fixed()
	return strings.IndexByte(head, '/') > 0
}

// fixedIdentity wants a user's id, or a role's, whatever the name of its session.
func fixedIdentity(v *operand) bool {
	head, whole := v.fixed()
	return whole && head != "" || strings.IndexByte(head, ':') > 0
}

// The shortest prefixes of ranges, in bits, that are not most of the internet.
const (
	narrowV4 = 8
	narrowV6 = 32
)

func narrowRange(v *operand) bool {
	least := narrowV6
	if v.address.Addr().Is4() {
		least = narrowV4
	}
	return v.address.Bits() >= least // -1 without an address
}
