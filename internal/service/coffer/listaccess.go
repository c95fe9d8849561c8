// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// principalsExamined is how many principals an answer of ListAccess looks at unless the
// request says otherwise.
const principalsExamined = 200

var errAccessToken = api.ValidationException.New("NextToken: not one that ListAccess gave for this question.")

// list goes over the account's principals. Each is asked as ExplainAccess asks.
func (a *access) list(ctx context.Context, r kv.Reader, call *gate.Call, in *coffer.ListAccessInput) (*coffer.ListAccessOutput, error) {
	q, err := newQuestion(call, *in.Action, *in.Resource, in.Context)
	if err != nil {
		return nil, err
	}
	if q.owner != call.Account {
		return nil, errForeign
	}
	after, limit := "", principalsExamined
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	if in.NextToken != nil {
		var ok bool
		if after, ok = call.Cursor(*in.NextToken, q.action, q.resource); !ok {
			return nil, errAccessToken
		}
	}
	out := &coffer.ListAccessOutput{Principals: []coffer.AccessPrincipal{}}
	examined := 0
	for item, err := range a.directory.Principals.All(r, "", call.Account) {
		if err != nil {
			return nil, err
		}
		at := item.Segments[0] + "/" + item.Segments[1]
		if at <= after {
			continue
		}
		if examined++; examined > limit {
			out.NextToken = new(call.PageToken(after, q.action, q.resource))
			return out, nil
		}
		after = at
		who, err := a.directory.As(r, item.Value, anySession)
		if err != nil {
			return nil, err
		}
		verdicts, err := q.asked(ctx, r, call, who)
		if err != nil {
			return nil, err
		}
		if p := accessOf(call, item.Value.ARN(), verdicts, q.open); p != nil {
			out.Principals = append(out.Principals, *p)
		}
		if who.Type == policy.Root && len(verdicts) > 0 { // who is in every account once
			out.Principals = append(out.Principals, outsiders(call, &verdicts[0])...)
		}
	}
	return out, nil
}

// asked is ask, unless everybody may call.
func (q *question) asked(ctx context.Context, r kv.Reader, call *gate.Call, who *gate.Principal) ([]gate.Verdict, error) {
	if q.open {
		return nil, nil
	}
	return q.ask(ctx, r, call, who)
}

// accessOf is what a principal's verdicts come to, or nil for no access.
func accessOf(call *gate.Call, name string, verdicts []gate.Verdict, open bool) *coffer.AccessPrincipal {
	p := &coffer.AccessPrincipal{Principal: &name, Access: new(coffer.AccessNow)}
	switch {
	case open:
		return p
	case allowed(verdicts):
	case slices.ContainsFunc(verdicts, func(v gate.Verdict) bool { return !v.Decision.Allowed && !conditional(&v) }):
		return nil
	default:
		p.Access = new(coffer.AccessConditional)
	}
	for i := range verdicts {
		see, d := sight{call.Account, &verdicts[i]}, &verdicts[i].Decision
		if see.Via != "" && d.Allowed {
			continue // it follows from the call, and is in nobody's way
		}
		for _, m := range slices.Concat(d.Matches, d.Near) {
			near := len(m.Unmet) > 0
			if m.Effect == policy.Allow && (!near || !d.Allowed && see.absent(&m)) {
				p.Allowing = append(p.Allowing, see.statement(&m))
			}
		}
	}
	return p
}

// conditional reports whether a denial would be none if the call had condition keys that
// it is not supposed to have: whatever lacks an allow has a statement that asks for no more.
func conditional(v *gate.Verdict) bool {
	d := &v.Decision
	for _, kind := range d.Lacking {
		if !slices.ContainsFunc(d.Near, func(m policy.Match) bool {
			return m.Effect == policy.Allow && stillOf(kind, m.PolicyType) && sight{Verdict: v}.absent(&m)
		}) {
			return false
		}
	}
	return d.Reason == policy.ImplicitDeny
}

// absent reports whether all conditions that keep a statement from matching are on keys
// that the call does not have, and might.
func (s sight) absent(m *policy.Match) bool {
	return !slices.ContainsFunc(m.Unmet, func(u policy.Unmet) bool { return u.Has != nil || !s.Supposes(u.Key) })
}

// outsiders are those of other accounts, or of none, whom the policy of the resource lets
// in. Root's verdict has the policy.
func outsiders(call *gate.Call, v *gate.Verdict) []coffer.AccessPrincipal {
	if v.Target.Policy == nil || v.Target.Policy.Policy == nil {
		return nil
	}
	var all []coffer.AccessPrincipal
	whole := map[string]bool{} // accounts that are in as such, and with them all of theirs
	for _, who := range outsidersOf(v.Target.Policy.Policy, call.Account) {
		req := *v.Request
		req.Principal = who.principal
		set := &policy.Set{Identity: []policy.Attached{{Policy: allowing()}}, Resource: v.Target.Policy, Exclusive: v.Target.Exclusive}
		if !whole[who.principal.Account] && policy.Evaluate(set, &req).Allowed {
			whole[who.principal.Account] = who.principal.Type == policy.Root
			all = append(all, coffer.AccessPrincipal{Principal: new(who.name), Access: new(coffer.AccessOutside)})
		}
	}
	return all
}

// outsider is somebody whom a policy names.
type outsider struct {
	name      string
	principal policy.Principal
}

// anybodysAccount stands for an account that no policy names.
const anybodysAccount = "999999999999"

// outsidersOf are whom a policy names, except for those of the account itself.
func outsidersOf(p *policy.Policy, own string) (all []outsider) {
	arns, services := p.Named()
	accounts, everybody := p.NamedAccounts()
	if everybody {
		all = append(all, outsider{"*", policy.Principal{Type: policy.User, Account: anybodysAccount, ARN: "arn:aws:iam::" + anybodysAccount + ":user/anybody"}})
	}
	for _, account := range accounts {
		root := "arn:aws:iam::" + account + ":root"
		all = append(all, outsider{root, policy.Principal{Type: policy.Root, Account: account, ARN: root}})
	}
	for _, name := range arns {
		a, err := arn.Parse(name)
		if err != nil {
			continue
		}
		all = append(all, outsider{name, policy.Principal{Type: policy.User, Account: a.Account, ARN: name}})
	}
	for _, service := range services {
		all = append(all, outsider{service, policy.Principal{Type: policy.Service, ARN: service}})
	}
	all = slices.DeleteFunc(all, func(o outsider) bool { return o.principal.Account == own })
	slices.SortFunc(all, func(a, b outsider) int {
		if rootA, rootB := a.principal.Type == policy.Root, b.principal.Type == policy.Root; rootA != rootB {
			return map[bool]int{true: -1, false: 1}[rootA] // a root before its users
		}
		return strings.Compare(a.name, b.name)
	})
	return slices.CompactFunc(all, func(a, b outsider) bool { return a.name == b.name })
}

// allowing is a policy that allows everything.
func allowing() *policy.Policy {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), policy.KindIdentity)
	if err != nil {
		panic(err) // it is a policy
	}
	return p
}
