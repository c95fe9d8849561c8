// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// kindPolicies is the kind of the jobs that look at a parameter's policies. A parameter
// has one such job at most that counts, which is for its Wake: it acts on what is due by
// then, and makes the next. So a parameter that changes often does not leave one behind
// with each version.
const kindPolicies = "ssm-policies"

// horizon is when a policy is due that waits for ever: jobs' times end in 2262.
var horizon = time.Date(2200, time.January, 1, 0, 0, 0, 0, time.UTC)

// wake has the policies looked at when the next is due, unless they are before. P is
// not stored yet.
func (p *Parameter) wake(tx kv.Tx, call *gate.Call) error {
	waiting := p.Current.waiting()
	if len(waiting) == 0 {
		return nil
	}
	next := waiting[0].at
	if next.After(horizon) || !p.Wake.IsZero() && !next.Before(p.Wake) {
		return nil
	}
	p.Wake = next
	return jobs.Enqueue(tx, kindPolicies, next, []byte(kv.Key(call.Account, call.Region, next.Format(time.RFC3339Nano), p.key())))
}

// deadline is a policy by its place, with when it is due.
type deadline struct {
	inlinePolicy
	place int
	at    time.Time
}

// waiting are the policies that were not acted on and are due some time, in the order in
// which they are.
func (v *Version) waiting() (all []deadline) {
	for i, text := range v.Policies {
		d := deadline{storedPolicy(text), i, time.Time{}}
		if d.at = d.due(v); !d.at.IsZero() && !slices.Contains(v.Acted, i) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b deadline) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(last(a), last(b)), cmp.Compare(a.place, b.place))
	})
	return all
}

// last puts an Expiration behind what is due at the same time.
func last(d deadline) int {
	if d.Type == policyExpiration {
		return 1
	}
	return 0
}

// enforce does such a job.
func (s *service) enforce(ctx context.Context, payload []byte) error {
	at := kv.Split(string(payload))
	if len(at) != 4 {
		return errors.New("not the place of a parameter with policies")
	}
	wake, err := time.Parse(time.RFC3339Nano, at[2])
	if err != nil {
		return err
	}
	actor := gate.Actor{Service: ssm.Service, Account: at[0], Region: at[1]}
	return s.gate.Act(ctx, actor, func(_ context.Context, tx kv.Tx, call *gate.Call) error {
		p, err := s.heads.Get(tx, segments(call, at[3])...)
		if err != nil || p == nil || !p.Wake.Equal(wake) {
			return err // another job counts, or none
		}
		return s.act(tx, call, p)
	})
}

// act acts on the policies of a parameter that are due, in the order in which they are,
// and has it looked at again for the next: none is due if the clock was set back.
func (s *service) act(tx kv.Tx, call *gate.Call, old *Parameter) error {
	p := *old // which is shared, as its slices are
	p.Wake = time.Time{}
	p.Current.Acted = slices.Clone(old.Current.Acted)
	for _, d := range p.Current.waiting() {
		if call.Time.Before(d.at) {
			break
		}
		if err := p.tellPolicy(tx, call, d); err != nil {
			return err
		}
		if d.Type == policyExpiration {
			call.Event(gate.Event{
				Name: ssm.DeleteParameter.Name, Target: gate.Target{ARN: parameterARN(call, p.key()), Type: cloudTrailType},
				Details: map[string]string{"name": p.Name, "policy": policyExpiration},
			})
			return s.remove(tx, call, &p)
		}
		p.Current.Acted = append(p.Current.Acted, d.place)
	}
	if err := p.wake(tx, call); err != nil {
		return err
	}
	return s.heads.Put(tx, &p, segments(call, p.key())...)
}

// eventPolicy is the detail type of what a policy did:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
const eventPolicy = "Parameter Store Policy Action"

// policyAction is the detail of such an event.
type policyAction struct {
	PolicyType    string `json:"policy-type"`
	ParameterName string `json:"parameter-name"`
	ParameterType string `json:"parameter-type"`
	PolicyContent string `json:"policy-content"`
	ActionStatus  string `json:"action-status"`
	ActionReason  string `json:"action-reason"`
}

// tellPolicy publishes that a policy was acted on.
func (p *Parameter) tellPolicy(tx kv.Tx, call *gate.Call, d deadline) error {
	v := &p.Current
	var reason string
	switch d.Type {
	case policyExpiration:
		reason = "The parameter expired at " + instant(v.Expires) + " and was deleted."
	case policyNotify:
		reason = "The parameter will expire at " + instant(v.Expires) + "."
	case policyNoChange:
		reason = "The parameter has not been changed for " + d.Attributes.period() + "."
	}
	return call.Publish(tx, eventPolicy, policyAction{
		PolicyType: d.Type, ParameterName: p.Name, ParameterType: v.Type, PolicyContent: v.Policies[d.place], ActionStatus: "Success",
		ActionReason: fmt.Sprintf("%s This notification was generated based on the policy created at %s.", reason, instant(v.assigned())),
	}, parameterARN(call, p.key()))
}

// period is After in words: "1 hour", "20 days".
func (a *policyAttributes) period() string {
	unit := strings.ToLower(a.Unit)
	if strings.TrimLeft(a.After, "0") == "1" {
		unit = strings.TrimSuffix(unit, "s")
	}
	return a.After + " " + unit
}

// instant is a time as AWS writes it in an event's text.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
