// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// Evaluate decides a request. It stops as soon as the decision is certain, leaves
// Matches empty, and allocates nothing but what conditions and variables take.
func Evaluate(set *Set, req *Request) Decision {
	e := evaluator{req: req}
	return e.decide(set)
}

// Explain decides a request as Evaluate does, but looks at every statement of every
// policy, and returns all that matched.
func Explain(set *Set, req *Request) Decision {
	e := evaluator{req: req, explain: true}
	d := e.decide(set)
	d.Matches, d.Near, d.Lacking = e.matches, e.near, e.lacks
	return d
}

// evaluator is one evaluation.
type evaluator struct {
	req     *Request
	explain bool
	bounded bool // by a permissions boundary
	matches []Match
	near    []Match
	lacks   []Kind
}

func (e *evaluator) decide(set *Set) Decision {
	e.bounded = set.Boundary != nil
	denying := e.denying(set)
	if denying != 0 && !e.explain {
		return Decision{Reason: ExplicitDeny, PolicyType: denying}
	}
	lacking := e.lacking(set)
	switch {
	case denying != 0:
		return Decision{Reason: ExplicitDeny, PolicyType: denying}
	case lacking != 0:
		return Decision{Reason: ImplicitDeny, PolicyType: lacking}
	}
	return Decision{Allowed: true, Reason: ExplicitAllow}
}

// denying returns the first kind of policy that denies the request, or zero.
func (e *evaluator) denying(set *Set) Kind {
	var first Kind
	look := func(kind Kind, group ...Attached) {
		if (first == 0 || e.explain) && e.any(kind, Deny, group) && first == 0 {
			first = kind
		}
	}
	for _, level := range set.ServiceControl {
		look(KindServiceControl, level...)
	}
	if set.Resource != nil {
		look(set.resourceKind(), *set.Resource)
	}
	look(KindIdentity, set.Identity...)
	if set.Boundary != nil {
		look(KindBoundary, *set.Boundary)
	}
	look(KindSession, set.Session...)
	return first
}

// lacking returns the first kind of policy whose allow the request needs and does
// not have, or zero.
func (e *evaluator) lacking(set *Set) Kind {
	var first Kind
	need := func(kind Kind, group ...Attached) {
		if (first == 0 || e.explain) && !e.any(kind, Allow, group) {
			first = e.lack(first, kind)
		}
	}
	for _, level := range set.ServiceControl {
		need(KindServiceControl, level...)
	}
	in := e.admitted(set)
	p := &e.req.Principal
	if in < granted && p.hasPolicies() {
		need(KindIdentity, set.Identity...)
	}
	if in == stranger {
		first = e.lack(first, set.resourceKind())
	}
	if in < direct && set.Boundary != nil {
		need(KindBoundary, *set.Boundary)
	}
	if in < direct && (len(set.Session) > 0 || p.Type == FederatedUser) {
		need(KindSession, set.Session...)
	}
	return first
}

// admitted returns how far the resource lets the principal in: its own account always,
// unless that is in by the policy only, and from another account nobody further by the
// policy than that account's own policies say. A grant is as good wherever somebody is from.
func (e *evaluator) admitted(set *Set) standing {
	in := stranger
	if set.Resource != nil {
		in = e.standing(set.Resource)
	}
	p := &e.req.Principal
	switch {
	case p.alien():
		return in
	case p.Account == "" || p.Account != e.req.Account:
		in = min(in, delegated)
	case !set.Exclusive:
		in = max(in, delegated)
	}
	return max(in, standing(e.req.Granted))
}

// standing returns the furthest that a policy of the resource lets the principal in.
func (e *evaluator) standing(a *Attached) standing {
	in := stranger
	if !a.Policy.usableAs(KindResource) {
		return in
	}
	for _, n := range a.Policy.byEffect[Allow] {
		s := &a.Policy.statements[n]
		as := s.standing(&e.req.Principal, e.bounded)
		if as == stranger || as <= in && !e.explain || !e.holds(a, n, a.Policy.kind) {
			continue
		}
		in = max(in, as)
	}
	return in
}

// any reports whether a policy of the group has a statement of the effect that
// matches. If the evaluation is to be explained it records them all.
func (e *evaluator) any(kind Kind, effect Effect, group []Attached) bool {
	found := false
	for i := range group {
		a := &group[i]
		if !a.Policy.usableAs(kind) {
			if effect == Deny {
				found = true
				if e.explain {
					e.matches = append(e.matches, Match{Policy: a.Name, Holder: a.Holder, PolicyType: kind, Statement: -1})
				}
			}
			continue
		}
		for _, n := range a.Policy.byEffect[effect] {
			s := &a.Policy.statements[n]
			if kind.namesPrincipals() && s.standing(&e.req.Principal, e.bounded) == stranger || !e.holds(a, n, kind) {
				continue
			}
			if !e.explain {
				return true
			}
			found = true
		}
	}
	return found
}

// resourceKind is what the policy of the resource is: of a role, its trust policy.
func (s *Set) resourceKind() Kind {
	if s.Resource != nil && s.Resource.Policy != nil && s.Resource.Policy.kind == KindTrust {
		return KindTrust
	}
	return KindResource
}

// holds reports whether the n-th statement of an attached policy matches the request. If
// the evaluation is to be explained it records that, and why not if a condition alone is
// in the way.
func (e *evaluator) holds(a *Attached, n int, kind Kind) bool {
	s := &a.Policy.statements[n]
	if !e.explain {
		return s.matches(e.req)
	}
	if !s.about(e.req) {
		return false
	}
	m := Match{
		Policy: a.Name, Holder: a.Holder, PolicyType: kind,
		Statement: n, Sid: s.sid, Effect: s.effect,
		Actions: s.actions.named(), Resources: s.resources.named(), Start: a.Policy.places[n].start, End: a.Policy.places[n].end, Unmet: s.unmet(e.req),
	}
	if len(m.Unmet) > 0 {
		e.near = append(e.near, m)
		return false
	}
	e.matches = append(e.matches, m)
	return true
}

// lack notes that an allow of the kind is missing, and returns the first such kind.
func (e *evaluator) lack(first, kind Kind) Kind {
	if e.explain && !slices.Contains(e.lacks, kind) {
		e.lacks = append(e.lacks, kind)
	}
	return cmp.Or(first, kind)
}

// usableAs reports whether the policy can stand in a place of the kind. Those
// without principals are of one language: a managed policy may be attached as an
// identity policy, as a boundary and as a session policy. Those with are only of use
// on resources.
func (p *Policy) usableAs(kind Kind) bool {
	return p != nil && len(p.statements) > 0 && p.kind.namesPrincipals() == kind.namesPrincipals()
}
