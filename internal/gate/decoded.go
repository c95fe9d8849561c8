// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

// decodedMessage is an authorization message as AWS decodes it (AWS CLI Command Reference,
// decode-authorization-message). AWS does not say what the members that it leaves empty
// are for; they are empty here too.
type decodedMessage struct {
	Allowed           bool                    `json:"allowed"`
	ExplicitDeny      bool                    `json:"explicitDeny"`
	MatchedStatements items[decodedStatement] `json:"matchedStatements"`
	Failures          items[any]              `json:"failures"`
	Context           decodedContext          `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

type decodedValue struct {
	Value string `json:"value"`
}

type decodedStatement struct {
	StatementID     string              `json:"statementId"`
	Effect          string              `json:"effect"`
	Principals      items[decodedValue] `json:"principals"`
	PrincipalGroups items[any]          `json:"principalGroups"`
	Actions         items[decodedValue] `json:"actions"`
	Resources       items[decodedValue] `json:"resources"`
	Conditions      items[decodedKey]   `json:"conditions"`
}

type decodedKey struct {
	Key    string              `json:"key"`
	Values items[decodedValue] `json:"values"`
}

type decodedContext struct {
	Principal  decodedPrincipal  `json:"principal"`
	Action     string            `json:"action"`
	Resource   string            `json:"resource"`
	Conditions items[decodedKey] `json:"conditions"`
}

type decodedPrincipal struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

// decoded is the denial in AWS's form.
func (d *denial) decoded() decodedMessage {
	m := decodedMessage{ExplicitDeny: d.Explicit, Context: decodedContext{
		Principal: decodedPrincipal{d.PrincipalID, d.Principal}, Action: d.Action, Resource: d.Resource,
	}}
	for _, s := range d.Matches {
		effect := "DENY"
		if s.Allow {
			effect = "ALLOW"
		}
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, decodedStatement{
			StatementID: s.Sid, Effect: effect, Principals: listed([]string{d.PrincipalID}),
			Actions: listed(s.Actions), Resources: listed(s.Resources),
		})
	}
	for _, k := range d.Keys {
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, decodedKey{k.Key, listed(k.Values)})
	}
	return m
}

func listed(values []string) (list items[decodedValue]) {
	for _, v := range values {
		list.Items = append(list.Items, decodedValue{v})
	}
	return list
}
