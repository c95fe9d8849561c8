// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// authorise takes the row's decisions: every action on every target.
func (c *Call) authorise(targets []Target) error {
	for _, t := range targets {
		for _, action := range c.op.actions {
			if err := c.decide(action, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// decide takes one decision, and notes what it was about for the audit record, and of a
// denial why.
func (c *Call) decide(action string, t Target) error {
	c.Concerns(t)
	err := c.evaluate(action, t)
	if err != nil && !c.asking {
		c.run.refused = new(c.verdict(action, t))
	}
	return err
}

// Concerns puts a resource into the call's audit record without a decision: one that
// the call itself makes, which no target could name.
func (c *Call) Concerns(t Target) {
	if t.Type != "" && !slices.ContainsFunc(c.run.targets, func(known Target) bool { return known.ARN == t.ARN }) {
		c.run.targets = append(c.run.targets, t)
	}
}

// evaluate takes one decision, and notes for the end of the call that it was taken.
func (c *Call) evaluate(action string, t Target) error {
	c.run.decided = true
	if c.inquiry != nil {
		return c.inquire(action, t)
	}
	set, request := c.question(action, t)
	decision, err := t.decided(policy.Evaluate, set, request)
	if err != nil {
		return err
	}
	if decision.Allowed {
		return nil
	}
	if t.Asked != "" || t.Unnamed {
		request.Resource = t.Asked
	}
	if t.Refused != nil && decision.PolicyType == policy.KindResource {
		return t.Refused
	}
	return c.service.Denied().New(t.wording(&decision, request))
}

// decided takes a decision by one of the engine's two ways, with a grant if the policies
// say nothing.
func (t *Target) decided(by func(*policy.Set, *policy.Request) policy.Decision, set *policy.Set, request *policy.Request) (policy.Decision, error) {
	decision := by(set, request)
	if decision.Reason != policy.ImplicitDeny || t.Granted == nil {
		return decision, nil
	}
	granted, err := t.Granted(request.Action)
	if err != nil || granted == policy.NotGranted {
		return decision, err
	}
	request.Granted = granted
	return by(set, request), nil
}

// question is a decision to be taken: the policies that bear on it, and the request.
func (c *Call) question(action string, t Target) (*policy.Set, *policy.Request) {
	set := c.Principal.Policies
	if t.Policy != nil || t.Exclusive {
		both := *set
		both.Resource, both.Exclusive = t.Policy, t.Exclusive
		set = &both
	}
	return set, &policy.Request{
		Principal: c.Principal.Principal,
		Account:   c.owner(t),
		Action:    action,
		Resource:  t.ARN,
		Context:   conditions{c, t},
	}
}

// wording is what the caller is told of a denial.
func (t *Target) wording(d *policy.Decision, request *policy.Request) string {
	if t.Unexplained && (d.Reason != policy.ExplicitDeny || ofResource(d.PolicyType)) {
		return request.Refusal()
	}
	return d.Message(request)
}

// ofResource reports whether a policy is the resource's own.
func ofResource(k policy.Kind) bool { return k == policy.KindResource || k == policy.KindTrust }

// owner is the account that a target belongs to: the one that its ARN names, so that no
// decision about another account's resource is taken as if it were the caller's. What is
// AWS's own, such as a managed policy, is every account's.
func (c *Call) owner(t Target) string {
	if name, err := arn.Parse(t.ARN); err == nil && arn.IsAccount(name.Account) {
		return name.Account
	}
	return c.Account
}
