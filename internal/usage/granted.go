// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// Policy is a policy that a principal has.
type Policy struct {
	// Name is the policy's, or the ARN of a managed one; Holder is whom it is attached to.
	Name, Holder, Document string
}

// Grant is an action that a statement allows, as it is written there, and what of it is
// not used.
type Grant struct {
	Policy string `json:"policy"`
	Holder string `json:"attachedTo,omitempty"`
	Number int    `json:"statement"` // from 1
	Action string `json:"action"`
	// Used and Unused are the server's actions that it stands for.
	Used   []string `json:"used"`
	Unused []string `json:"unused"`
}

// written is as much of a policy as says what it grants.
type written struct {
	Version   string
	Statement many[struct {
		Effect    string
		Action    many[string]
		NotAction many[string]
		Resource  many[string]
	}]
}

// many is what a policy may write as one value or as a list.
type many[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (m *many[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(m))
	}
	*m = make([]T, 1)
	return json.Unmarshal(data, &(*m)[0])
}

// Granted returns what the policies of a principal, by its ARN, allow beside what is used: for each action of each of their
// statements which of the server's actions it stands for are used, on its resources,
// and which are not. What a statement allows with NotAction is one grant. Conditions
// are not looked at: what they keep away was not used.
func Granted(who string, policies []Policy, uses []Use, served []string) ([]Grant, error) {
	var all []Grant
	for _, p := range policies {
		var w written
		if err := json.Unmarshal([]byte(p.Document), &w); err != nil {
			return nil, fmt.Errorf("policy %s of %s: %w", p.Name, p.Holder, err)
		}
		for i, s := range w.Statement {
			if s.Effect != "Allow" {
				continue
			}
			names, not := s.Action, false
			if len(names) == 0 {
				names, not = many[string]{strings.Join(s.NotAction, ", ")}, true
			}
			for _, name := range names {
				g := Grant{Policy: p.Name, Holder: p.Holder, Number: i + 1, Action: name}
				element := map[string]any{"Effect": "Allow", "Action": name, "Resource": s.Resource}
				if not {
					g.Action = "all but " + name
					delete(element, "Action")
					element["NotAction"] = s.NotAction
				}
				if err := g.count(w.Version, element, asker{who, uses, served}); err != nil {
					return nil, err
				}
				all = append(all, g)
			}
		}
	}
	return all, nil
}

// count holds the served actions and the uses against one statement.
func (g *Grant) count(version string, element map[string]any, a asker) error {
	on, err := statement(version, element)
	if err != nil {
		return err
	}
	element["Resource"] = "*"
	any, err := statement(version, element)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, u := range a.uses {
		if a.allows(on, u.Action, u.Resource) {
			used[u.Action] = true
		}
	}
	g.Used, g.Unused = []string{}, []string{}
	for _, action := range a.served {
		if !a.allows(any, action, "*") {
			continue
		}
		if used[action] {
			g.Used = append(g.Used, action)
		} else {
			g.Unused = append(g.Unused, action)
		}
	}
	return nil
}

func statement(version string, element map[string]any) (*policy.Policy, error) {
	d := map[string]any{"Statement": element}
	if version != "" {
		d["Version"] = version
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return policy.Parse(text, policy.KindIdentity)
}

// asker is whoever has the policies, with what is asked about them.
type asker struct {
	who    string // its ARN
	uses   []Use
	served []string
}

// allows reports whether a policy allows an action, whatever account the resource is of.
func (a asker) allows(p *policy.Policy, action, resource string) bool {
	const account = "123456789012"
	return policy.Evaluate(&policy.Set{Identity: []policy.Attached{{Policy: p}}}, &policy.Request{
		Principal: policy.Principal{Type: policy.User, ARN: a.who, Account: account}, Account: account, Action: action, Resource: resource,
	}).Allowed
}
