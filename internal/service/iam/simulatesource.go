// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// source is whose policies a simulation takes, and who is supposed to call.
type source struct {
	set       policy.Set
	principal policy.Principal
}

// errEntity refuses an ARN that names no user, group or role, in AWS's words.
func errEntity(name string) error {
	return iam.InvalidInputException.Newf("Invalid Entity Arn: %s does not clearly define entity type and name.", name)
}

// entityOf takes the ARN of a user, group or role apart.
func entityOf(name string) (account string, n noun, short string, err error) {
	a, err := arn.Parse(name)
	kind, rest, _ := strings.Cut(a.Resource, "/")
	short = rest[strings.LastIndexByte(rest, '/')+1:]
	if err != nil || a.Service != "iam" || short == "" {
		return "", "", "", errEntity(name)
	}
	switch n = noun(kind); n {
	case userNoun, groupNoun, roleNoun:
		return a.Account, n, short, nil
	}
	return "", "", "", errEntity(name)
}

// sourceTarget is what a decision about a simulation of a principal's policies is taken
// on: the principal, there or not.
func (s *Service) sourceTarget(r kv.Reader, call *gate.Call, name string) (gate.Target, error) {
	account, n, short, err := entityOf(name)
	if err != nil {
		return gate.Target{}, err
	}
	there := call.InAccount(account)
	t := gate.Target{}
	switch n {
	case groupNoun:
		t, err = s.groupTarget(r, there, short, conditions{})
	case roleNoun:
		t, err = s.principalTarget(r, there, identity.Role, short, conditions{})
	default:
		t, err = s.principalTarget(r, there, identity.User, short, conditions{})
	}
	t.ARN, t.Asked = name, "" // of another path it is another one, and not there
	return t, err
}

// source returns the policies of the user, group or role that an ARN names, and whoever
// has them. A group is nobody: its policies are simulated as those of a user without a name.
func (s *Service) source(r kv.Reader, call *gate.Call, name string) (source, error) {
	account, n, short, err := entityOf(name)
	if err != nil {
		return source{}, err
	}
	there := call.InAccount(account)
	if n == groupNoun {
		g, err := s.group(r, there, short)
		if err != nil {
			return source{}, err
		}
		if g.ARN() != name {
			return source{}, noSuch(n, short)
		}
		set, err := s.directory.GroupPolicySet(r, g)
		if err != nil {
			return source{}, err
		}
		return source{*set, policy.Principal{Type: policy.User, Account: account}}, nil
	}
	p, err := s.principal(r, there, identity.Kind(n), short)
	if err != nil {
		return source{}, err
	}
	if p.ARN() != name {
		return source{}, noSuch(n, short)
	}
	set, err := s.directory.PolicySet(r, p)
	if err != nil {
		return source{}, err
	}
	who := policy.Principal{Type: policy.User, Account: account, ARN: name, UserID: p.ID, Tags: p.Tags}
	if n == roleNoun { // a session of which nothing is known but the role
		who.Type, who.Issuer, who.UserID = policy.AssumedRole, name, ""
	}
	return source{*set, who}, nil
}

// inputPolicies compiles the policies of a request. They are called by their list and
// their place in it, from one.
func inputPolicies(list string, documents []string, kind policy.Kind) ([]policy.Attached, error) {
	all := make([]policy.Attached, len(documents))
	for i, document := range documents {
		name := fmt.Sprintf("%s.%d", list, i+1)
		compiled, err := policy.Parse([]byte(document), kind)
		if fault, ok := errors.AsType[*policy.MalformedError](err); ok {
			return nil, iam.InvalidInputException.Newf("Invalid policy in %s: %s", name, fault.Message)
		}
		if err != nil {
			return nil, err
		}
		all[i] = policy.Attached{Name: name, Policy: compiled}
	}
	return all, nil
}

// keysOf are the condition keys that policies mention, each once.
func keysOf(groups ...[]policy.Attached) []string {
	keys, seen := []string{}, map[string]bool{}
	for _, group := range groups {
		for _, a := range group {
			if a.Policy == nil {
				continue
			}
			for _, key := range a.Policy.Keys() {
				if folded := strings.ToLower(key); !seen[folded] {
					keys, seen[folded] = append(keys, key), true
				}
			}
		}
	}
	return keys
}
