// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"

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

// decide takes one decision, and notes what it was about for the audit record.
func (c *Call) decide(action string, t Target) error {
	c.Concerns(t)
	return c.evaluate(action, t)
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
	set := c.Principal.Policies
	if t.Policy != nil {
		both := *set
		both.Resource = t.Policy
		set = &both
	}
	request := &policy.Request{
		Principal: c.Principal.Principal,
		Account:   c.Account,
		Action:    action,
		Resource:  t.ARN,
		Granted:   t.Granted,
		Context:   conditions{c, t},
	}
	decision := policy.Evaluate(set, request)
	if decision.Allowed {
		return nil
	}
	if t.Asked != "" || t.Unnamed {
		request.Resource = t.Asked
	}
	return c.service.Denied().New(decision.Message(request))
}

// conditions are the condition keys of one decision, looked up as a policy asks
// for them. Names are those of AWS's "global condition context keys".
type conditions struct {
	call   *Call
	target Target
}

// Values implements policy.Context.
func (k conditions) Values(key string) ([]string, bool) {
	c := k.call
	switch strings.ToLower(key) {
	case "aws:currenttime":
		return one(c.Time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return one(strconv.FormatInt(c.Time.Unix(), 10))
	case "aws:securetransport":
		return one(strconv.FormatBool(c.Secure))
	case "aws:sourceip":
		if c.Via != "" || !c.SourceIP.IsValid() {
			return nil, false
		}
		return one(c.SourceIP.String())
	case "aws:useragent":
		if c.UserAgent == "" {
			return nil, false
		}
		return one(c.UserAgent)
	case "aws:requestedregion":
		return one(c.Region)
	case "aws:viaawsservice":
		return one(strconv.FormatBool(c.Via != ""))
	case "kms:viaservice":
		if c.Via == "" {
			return nil, false
		}
		return one(c.Via)
	}
	if k.target.Keys != nil {
		return k.target.Keys(key)
	}
	return nil, false
}

func one(v string) ([]string, bool) { return []string{v}, true }
