// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// access explains who may do what: by the rows, the targets and the engine that decide on
// calls, asked about calls that are not made.
type access struct {
	directory *identity.Directory
}

var (
	errForeign = api.ValidationException.New("Neither the principal nor the resource is the caller's account's.")
	errContext = api.ValidationException.New("Context: a key is there twice.")
)

func bindAccess(g *gate.Gate, d *identity.Directory) {
	a := &access{d}
	gate.Read(g, coffer.ExplainAccess, gate.Row[coffer.ExplainAccessInput]{Access: gate.AccessRead, Targets: gate.One(a.target)}, a.explain)
	gate.Read(g, coffer.ListAccess, gate.Row[coffer.ListAccessInput]{
		Access: gate.AccessList, Targets: gate.Everything[coffer.ListAccessInput],
	}, a.list)
}

// target is whom an explanation is about, there or not. It says what policies of that
// principal's are like, so that it is allowed on the principal, or on everything if that is
// another account's.
func (a *access) target(_ context.Context, r kv.Reader, call *gate.Call, in *coffer.ExplainAccessInput) (gate.Target, error) {
	who, err := a.named(r, call, *in.Principal)
	if err != nil {
		return gate.Target{}, err
	}
	if who.account != call.Account {
		return gate.Target{ARN: "*"}, nil
	}
	return gate.Target{ARN: who.arn(), Type: recordTypes[who.kind]}, nil
}

// recordTypes are what CloudTrail's records call principals. The root is no resource.
var recordTypes = map[identity.Kind]string{identity.User: "AWS::IAM::User", identity.Role: "AWS::IAM::Role"}

func (a *access) explain(ctx context.Context, r kv.Reader, call *gate.Call, in *coffer.ExplainAccessInput) (*coffer.ExplainAccessOutput, error) {
	who, err := a.named(r, call, *in.Principal)
	if err != nil {
		return nil, err
	}
	p, err := a.principal(r, who)
	if err != nil {
		return nil, err
	}
	q, err := newQuestion(call, *in.Action, *in.Resource, in.Context)
	if err != nil {
		return nil, err
	}
	if who.account != call.Account && q.owner != call.Account {
		return nil, errForeign
	}
	out := &coffer.ExplainAccessOutput{Principal: new(who.arn()), Decisions: []coffer.AccessDecision{}}
	if who.session != anySession {
		out.Principal = &p.ARN
	}
	if q.open {
		out.Allowed = new(true)
		return out, nil
	}
	verdicts, err := q.ask(ctx, r, call, p)
	if err != nil {
		return nil, err
	}
	out.Allowed = new(allowed(verdicts))
	for i := range verdicts {
		out.Decisions = append(out.Decisions, shownDecision(call, &verdicts[i]))
	}
	return out, nil
}

// allowed reports whether a call would be allowed with all that it comes to: each of its
// own decisions, and the last of those that it has another service take.
func allowed(verdicts []gate.Verdict) bool {
	for i, v := range verdicts {
		if !v.Decision.Allowed && (v.Via == "" || i == len(verdicts)-1) {
			return false
		}
	}
	return len(verdicts) > 0
}

// ownerOf is the account of a resource: that of its ARN, or the caller's.
func ownerOf(call *gate.Call, resource string) string {
	if a, err := arn.Parse(resource); err == nil && arn.IsAccount(a.Account) {
		return a.Account
	}
	return call.Account
}
