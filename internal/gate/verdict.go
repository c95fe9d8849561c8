// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"
	"slices"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// Verdict is one decision with all that it was taken on.
type Verdict struct {
	// Request is what was decided. Its Resource is the target's ARN.
	Request *policy.Request
	Target  Target
	// Via is the service that makes the call for the caller, as Call.Via has it.
	Via string
	// Decision explains itself: see policy.Explain.
	Decision policy.Decision

	asked []keyAsked
}

// keyAsked is a condition key that a policy asked about, in lower case, with what the
// request has of it.
type keyAsked struct {
	Key    string   `json:"k"`
	Values []string `json:"v"`
}

// verdict explains a decision, and keeps what it was asked about: later the store can't
// be read any more.
func (c *Call) verdict(action string, t Target) Verdict {
	set, request := c.question(action, t)
	heard := new(listener)
	request.Given = heard
	decision, _ := t.decided(policy.Explain, set, request) // a grant that can't be read is none
	request.Given = nil
	v := Verdict{Request: request, Target: t, Via: c.Via, Decision: decision}
	slices.Sort(heard.keys)
	for _, key := range slices.Compact(heard.keys) {
		if values, ok := request.Values(key); ok {
			v.asked = append(v.asked, keyAsked{key, values})
		}
	}
	return v
}

// listener is a policy.Context that has nothing, and hears what it is asked for.
type listener struct{ keys []string }

// Values implements policy.Context.
func (l *listener) Values(key string) ([]string, bool) {
	l.keys = append(l.keys, key)
	return nil, false
}

// maxReasons bounds how many statements of a kind a record names, so that a record has
// room for them.
const maxReasons = 16

// reason is why a call was denied, as its audit record has it: more than the caller is
// told. It stands in CloudTrail's additionalEventData.
type reason struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Reason is "explicit deny" or "implicit deny", and PolicyType the kind of policy at
	// fault. Lacking are all kinds that lack an allow.
	Reason     string   `json:"reason"`
	PolicyType string   `json:"policyType"`
	Lacking    []string `json:"lacking,omitempty"`
	// Statements are those that matched, denials first, and Unmet those that conditions
	// alone kept from matching.
	Statements []statement `json:"statements,omitempty"`
	Unmet      []statement `json:"unmet,omitempty"`
}

// statement is one statement of a policy, by its place in the document from zero.
type statement struct {
	PolicyType string      `json:"policyType"`
	Policy     string      `json:"policy,omitempty"`
	AttachedTo string      `json:"attachedTo,omitempty"`
	Statement  int         `json:"statement"`
	Sid        string      `json:"sid,omitempty"`
	Effect     string      `json:"effect"`
	Conditions []condition `json:"conditions,omitempty"`
}

// condition is a condition that was not met.
type condition struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Wanted   []string `json:"wanted"`
	Has      []string `json:"has"`
}

// additional is a denial's part of additionalEventData.
func (v *Verdict) additional() json.RawMessage {
	d := &v.Decision
	r := reason{
		Action: v.Request.Action, Resource: v.Request.Resource,
		Reason: d.Reason.String(), PolicyType: d.PolicyType.String(), Statements: statements(d.Matches), Unmet: statements(d.Near),
	}
	for _, kind := range d.Lacking {
		r.Lacking = append(r.Lacking, kind.String())
	}
	text, _ := json.Marshal(map[string]reason{"accessDenied": r}) // of strings and numbers, never fails
	return text
}

func statements(matches []policy.Match) (all []statement) {
	for _, m := range matches[:min(len(matches), maxReasons)] {
		s := statement{m.PolicyType.String(), m.Policy, m.Holder, m.Statement, m.Sid, m.Effect.String(), nil}
		for _, u := range m.Unmet {
			s.Conditions = append(s.Conditions, condition(u))
		}
		all = append(all, s)
	}
	return all
}
