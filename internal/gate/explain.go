// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// Inquiry asks how a call would be decided that nobody makes.
type Inquiry struct {
	// As is who would call, and Region where.
	As     *Principal
	Region string
	// Operation is the one that would be called, and Fill sets the members of its input.
	Operation Operation
	Fill      func(in any)
	// Action, if it is not empty, is decided on the operation's targets in the place of
	// the operation's own actions. Where no operation has targets of the right kind, it is
	// decided on Target alone.
	Action string
	Target *Target
	// Given has condition keys that are supposed, before those that are known. In a call
	// that a service makes for the caller only those of the caller and of the time count:
	// see Verdict.Supposes. It may be nil.
	Given policy.Context
}

// inquiry collects decisions in the place of taking them.
type inquiry struct {
	given policy.Context
	// resolving says that the decisions are those of the operation's own row, after which
	// the call would go on. All others are refused, so that nothing is done.
	resolving bool
	verdicts  []Verdict
}

// Explain returns the decisions that a call would take, in their order: those on its
// targets, as the operation's row finds them, and of an operation that only reads those
// that its handler would come to, be they the calls that it makes to other services. The
// handler runs up to each of them and is refused there, so that it opens nothing; it ends
// at the first that is allowed, as those before it are other ways to the same. What a call
// brings with it beside its input (an address, a user agent, the date of a session)
// is absent unless it is given.
//
// An api.Error says that the operation can't be called with that input. If the handler
// comes to no end the decisions up to there are the answer.
func (c *Call) Explain(ctx context.Context, r kv.Reader, i Inquiry) (verdicts []Verdict, err error) {
	defer recovered(&err)
	inner := *c
	inner.Principal, inner.Account, inner.Region = i.As, i.As.Account, i.Region
	inner.SourceIP, inner.Endpoint, inner.UserAgent, inner.prepared = netip.Addr{}, "", "", nil
	inner.inquiry, inner.run = &inquiry{given: i.Given, resolving: true}, &run{}
	if i.Target != nil {
		_ = inner.inquire(i.Action, *i.Target)
		return inner.inquiry.verdicts, nil
	}
	op := c.gate.lookup(i.Operation.Service, i.Operation.Name)
	if op == nil || op.introduce != nil {
		return nil, i.Operation.Service.NotImplemented(i.Operation.Name)
	}
	inner.service, inner.operation, inner.op = op.service, op.name, op
	in := op.newInput()
	i.Fill(in)
	if err := op.validate(&inner, in); err != nil {
		return nil, err
	}
	if op.targets != nil {
		if err := inner.inquireTargets(ctx, r, in, i.Action); err != nil {
			return nil, err
		}
	}
	makes := op.answers && op.targets != nil // credentials, once its row allows them
	if i.Action == "" && !op.writes && !makes {
		inner.inquiry.resolving = false
		_, err := op.handle(ctx, r, &inner, in)
		if _, answer := errors.AsType[*api.Error](err); err != nil && !answer && !errors.Is(err, errAllowed) {
			return nil, err
		}
	}
	return inner.inquiry.verdicts, nil
}

// inquireTargets is permit for an inquiry. An action is asked about in the place of the
// row's.
func (c *Call) inquireTargets(ctx context.Context, r kv.Reader, in any, action string) error {
	if action == "" {
		return c.permit(ctx, r, in)
	}
	targets, err := c.op.targets(ctx, r, c, in)
	for _, t := range targets {
		_ = c.inquire(action, t)
	}
	return err
}

// inquire is evaluate for an inquiry: it explains, and refuses what the call would go on
// to do.
func (c *Call) inquire(action string, t Target) error {
	set, request := c.question(action, t)
	v := Verdict{Request: request, Target: t, Via: c.Via}
	if c.inquiry.given != nil {
		request.Given = supposed{c.inquiry.given, &v}
	}
	var err error
	if v.Decision, err = t.decided(policy.Explain, set, request); err != nil {
		return err
	}
	c.inquiry.verdicts = append(c.inquiry.verdicts, v)
	switch {
	case c.inquiry.resolving && c.outer == nil:
		return nil
	case v.Decision.Allowed:
		return errAllowed
	}
	return c.service.Denied().New("This call is not made.")
}

// supposed are the given keys as far as they count for a verdict.
type supposed struct {
	given   policy.Context
	verdict *Verdict
}

// Values implements policy.Context.
func (s supposed) Values(key string) ([]string, bool) {
	if !s.verdict.Supposes(key) {
		return nil, false
	}
	return s.given.Values(key)
}

// Supposes reports whether a condition key, whatever its case, may be supposed in the
// decision. One that a service asks for has what that service says, and neither the
// caller's network nor the keys of the call around it.
func (v *Verdict) Supposes(key string) bool {
	if v.Via == "" {
		return true
	}
	key = strings.ToLower(key)
	for _, prefix := range []string{"aws:principal", "aws:user", "aws:token", "aws:multifactorauth", "aws:sourceidentity", "aws:federatedprovider", "aws:currenttime", "aws:epochtime"} {
		if strings.HasPrefix(key, prefix) && key != "aws:useragent" {
			return true
		}
	}
	return false
}

// errAllowed ends a handler where a real call would go on.
var errAllowed = errors.New("allowed, and not done: the call is not made")

// Find returns the operation that an IAM action is named after, whatever the case of its
// letters, and whether there is one.
func (c *Call) Find(action string) (Operation, bool) {
	service, name, _ := strings.Cut(action, ":")
	for _, op := range c.gate.Operations() {
		if strings.EqualFold(op.Service.Name, service) && strings.EqualFold(op.Name, name) {
			return op, true
		}
	}
	return Operation{}, false
}
