// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// shownDecision is a verdict as the caller of an explanation may see it: of the policies of
// other accounts no more than that there are such.
func shownDecision(call *gate.Call, v *gate.Verdict) coffer.AccessDecision {
	see := sight{call.Account, v}
	d := &v.Decision
	out := coffer.AccessDecision{
		Action: &v.Request.Action, Resource: &v.Request.Resource,
		Decision: new(map[policy.Reason]string{
			policy.ExplicitAllow: coffer.DecisionAllowed, policy.ExplicitDeny: coffer.DecisionExplicitDeny, policy.ImplicitDeny: coffer.DecisionImplicitDeny,
		}[d.Reason]),
		Changes: see.changes(),
	}
	if v.Via != "" {
		out.Via = &v.Via
	}
	for i := range d.Matches {
		out.Matched = append(out.Matched, see.statement(&d.Matches[i]))
	}
	for i := range d.Near {
		out.Unmet = append(out.Unmet, see.statement(&d.Near[i]))
	}
	for _, kind := range d.Lacking {
		out.Lacking = append(out.Lacking, kind.String())
	}
	return out
}

// sight is what somebody of an account may see of a verdict.
type sight struct {
	account string
	*gate.Verdict
}

// sees reports whether policies of a kind are the account's own.
func (s sight) sees(kind policy.Kind) bool {
	if kind == policy.KindResource || kind == policy.KindTrust {
		return s.Request.Account == s.account
	}
	return s.Request.Principal.Account == s.account
}

func (s sight) statement(m *policy.Match) coffer.AccessStatement {
	out := coffer.AccessStatement{PolicyType: new(m.PolicyType.String()), Effect: new(m.Effect.String())}
	if !s.sees(m.PolicyType) {
		return out
	}
	out.Policy, out.AttachedTo, out.Sid = unlessEmpty(m.Policy), unlessEmpty(m.Holder), unlessEmpty(m.Sid)
	if m.Statement >= 0 {
		out.Statement = new(int32(m.Statement + 1))
	}
	for _, u := range m.Unmet {
		c := coffer.AccessCondition{Operator: new(u.Operator), Key: new(u.Key), Wanted: u.Wanted, Has: u.Has}
		if s.hides(u.Key) {
			c.Has = nil
		}
		out.Conditions = append(out.Conditions, c)
	}
	return out
}

// hides reports whether a condition key tells what another account keeps: the tags of its
// principals and of its resources.
func (s sight) hides(key string) bool {
	key = strings.ToLower(key)
	switch {
	case strings.HasPrefix(key, "aws:principal"), strings.HasPrefix(key, "aws:user"):
		return s.Request.Principal.Account != s.account
	case strings.Contains(key, "resourcetag/"):
		return s.Request.Account != s.account
	}
	return false
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
