// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// Named returns the principals that the policy of a resource names, to allow or deny
// or except them: the ARNs of users, roles and sessions, and services. Accounts and
// identity providers are left out: whether there are such is nobody's to say.
func (p *Policy) Named() (arns, services []string) {
	for i := range p.statements {
		if named := p.statements[i].principals; named != nil {
			arns, services = append(arns, named.arns...), append(services, named.services...)
		}
	}
	return arns, services
}

// NamedAccounts returns the accounts that the policy of a resource names, to allow or deny
// or except them, and whether it is about everybody, or all but some.
func (p *Policy) NamedAccounts() (accounts []string, everybody bool) {
	for i := range p.statements {
		if named := p.statements[i].principals; named != nil {
			accounts, everybody = append(accounts, named.accounts...), everybody || named.everybody || named.not
		}
	}
	return accounts, everybody
}

// Join returns one policy with the statements of all, which are of one kind: several
// policies of one resource stand beside each other, so that their statements do too.
// It is nil when there is none.
func Join(policies []*Policy) *Policy {
	if len(policies) == 0 {
		return nil
	}
	joined := &Policy{kind: policies[0].kind, version: policies[0].version}
	for _, p := range policies {
		joined.statements = append(joined.statements, p.statements...)
		joined.places = append(joined.places, p.places...)
	}
	joined.index()
	return joined
}

// NamesOnly reports whether all actions that the policy names are of the service, or
// may be. What it takes out with NotAction may be anything.
func (p *Policy) NamesOnly(service string) bool {
	other := func(a pattern) bool {
		vendor, _, whole := strings.Cut(a.head, ":")
		return whole && vendor != service
	}
	for i := range p.statements {
		if m := &p.statements[i].actions; !m.not && slices.ContainsFunc(m.patterns, other) {
			return false
		}
	}
	return true
}

// About reports whether each statement of the policy is about the resource, as far as
// that can be said without a request: a variable may stand for anything.
func (p *Policy) About(resource string) bool {
	for i := range p.statements {
		m := &p.statements[i].resources
		open := slices.ContainsFunc(m.patterns, func(r pattern) bool { return r.open != nil })
		if !open && !m.matches(resource, &Request{Resource: resource}) {
			return false
		}
	}
	return true
}

// ForAllValues returns the condition keys, in lower case, that the policy asks for with
// that set operator, which is met where a request has no such key.
func (p *Policy) ForAllValues() (keys []string) {
	for i := range p.statements {
		for _, c := range p.statements[i].conditions {
			if c.set == forAllValues {
				keys = append(keys, c.key)
			}
		}
	}
	return keys
}
