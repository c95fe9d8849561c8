// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// changes say what would have to change for a call to be allowed, one sentence each.
func (s sight) changes() []string {
	if s.Decision.Allowed {
		return nil
	}
	var all []string
	for i := range s.Decision.Matches {
		if m := &s.Decision.Matches[i]; m.Effect == policy.Deny {
			all = append(all, s.withdraw(m))
		}
	}
	for _, kind := range s.Decision.Lacking {
		all = append(all, s.allow(kind)...)
	}
	return all
}

// withdraw is about a statement that denies.
func (s sight) withdraw(m *policy.Match) string {
	switch {
	case !s.sees(m.PolicyType):
		return fmt.Sprintf("Another account's %s denies it.", m.PolicyType)
	case m.Statement < 0:
		return fmt.Sprintf("The %s can't be read, or is not there, and denies everything: mend or detach it.", policyName(m))
	}
	return fmt.Sprintf("The %s of the %s denies it: no allow overcomes that.", statementName(m), policyName(m))
}

// allow is about a kind of policy that does not allow. Statements that would but for a
// condition come first: they may be all that it takes.
func (s sight) allow(kind policy.Kind) []string {
	var all []string
	for i := range s.Decision.Near {
		m := &s.Decision.Near[i]
		if m.Effect != policy.Allow || !s.sees(kind) || !stillOf(kind, m.PolicyType) {
			continue
		}
		text := fmt.Sprintf("The %s of the %s would allow it", statementName(m), policyName(m))
		for j, u := range m.Unmet {
			text += []string{", if ", " and "}[min(j, 1)] + s.condition(u)
		}
		all = append(all, text+".")
	}
	if all != nil && kind != policy.KindIdentity && kind != policy.KindResource {
		return all
	}
	return append(all, s.need(kind))
}

// stillOf reports whether a statement of a kind of policy can make up for the lack of
// another: within an account a resource's policy for an identity policy.
func stillOf(lacking, kind policy.Kind) bool {
	return lacking == kind || lacking == policy.KindIdentity && kind == policy.KindResource
}

// need is about a policy that has to be written.
func (s sight) need(kind policy.Kind) string {
	who, what := holder(&s.Request.Principal), s.Request.Action+" on "+s.Request.Resource
	switch kind {
	case policy.KindIdentity:
		if s.Request.Account == s.Request.Principal.Account && !s.Target.Exclusive {
			return fmt.Sprintf("No identity-based policy of %s allows %s, and no policy of the resource lets it in: one of them has to.", who, what)
		}
		return fmt.Sprintf("No identity-based policy of %s allows %s: one has to.", who, what)
	case policy.KindTrust:
		return fmt.Sprintf("The trust policy of %s has to let %s in.", s.Request.Resource, who)
	case policy.KindResource:
		return fmt.Sprintf("The policy of %s has to let %s in for %s.", s.Request.Resource, who, s.Request.Action)
	case policy.KindBoundary:
		return fmt.Sprintf("The permissions boundary of %s does not allow %s: it has to, beside another policy.", who, what)
	case policy.KindSession:
		return fmt.Sprintf("The session policies of %s do not allow %s: a session without them is needed, or with others.", who, what)
	}
	return fmt.Sprintf("The service control policies of account %s do not allow %s: one of each level has to.", s.Request.Principal.Account, what)
}

// holder is whose policies a principal has.
func holder(p *policy.Principal) string {
	if p.Type == policy.AssumedRole {
		return p.Issuer
	}
	return p.ARN
}

// condition is a condition that is not met, in words.
func (s sight) condition(u policy.Unmet) string {
	wanted := strings.Join(quoted(u.Wanted), " or ")
	has := "the call does not have the key"
	switch {
	case s.hides(u.Key):
		has = "what it is belongs to another account"
	case len(u.Has) > 0:
		has = "it is " + strings.Join(quoted(u.Has), " and ")
	}
	return fmt.Sprintf("%s met %s %s (%s)", u.Key, u.Operator, wanted, has)
}

func quoted(values []string) []string {
	var all []string
	for _, v := range slices.Clip(values) {
		all = append(all, fmt.Sprintf("%q", v))
	}
	return all
}

func statementName(m *policy.Match) string {
	if m.Sid != "" {
		return fmt.Sprintf("statement %q", m.Sid)
	}
	return fmt.Sprintf("statement %d", m.Statement+1)
}

// policyName says which policy it is: "identity-based policy "reader" of user/ada".
func policyName(m *policy.Match) string {
	text := m.PolicyType.String()
	if m.Policy != "" {
		text += fmt.Sprintf(" %q", m.Policy)
	}
	if _, of, ok := strings.Cut(m.Holder, "::"); ok {
		_, of, _ = strings.Cut(of, ":")
		text += " of " + of
	}
	return text
}
