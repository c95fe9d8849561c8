// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// userOf says which user a request means by its UserName, which may be the root: where
// there is none it is the caller, who then has to be one.
func userOf(call *gate.Call, name *string) (identity.Kind, string, error) {
	switch {
	case name != nil:
		return identity.User, *name, nil
	case call.Principal.Type == policy.Root:
		return identity.Root, string(identity.Root), nil
	case call.Principal.Type == policy.User:
		return identity.User, call.Principal.UserName, nil
	}
	return "", "", errNoUser
}

// user returns the user that a request means by its UserName, or the caller. The error
// of one that is not there is NoSuchEntity.
func (s *Service) user(r kv.Reader, call *gate.Call, name *string) (*identity.Principal, error) {
	kind, of, err := userOf(call, name)
	if err != nil {
		return nil, err
	}
	return s.principal(r, call, kind, of)
}

// principal returns the user or role of that name, or NoSuchEntity.
func (s *Service) principal(r kv.Reader, call *gate.Call, kind identity.Kind, name string) (*identity.Principal, error) {
	p, err := s.directory.Principals.Get(r, call.Account, string(kind), name)
	if err == nil && p == nil {
		err = noSuch(nounOf(kind), name)
	}
	return p, err
}

// group returns the group of that name, or NoSuchEntity.
func (s *Service) group(r kv.Reader, call *gate.Call, name string) (*identity.Group, error) {
	g, err := s.directory.Groups.Get(r, call.Account, name)
	if err == nil && g == nil {
		err = noSuch(groupNoun, name)
	}
	return g, err
}

// managedPolicy returns the account's policy of that ARN, or nil.
func (s *Service) managedPolicy(r kv.Reader, call *gate.Call, name string) (*identity.ManagedPolicy, error) {
	a, err := arn.Parse(name)
	rest, ok := strings.CutPrefix(a.Resource, "policy/")
	if err != nil || a.Service != "iam" || a.Account != call.Account || !ok {
		return nil, nil
	}
	p, err := s.directory.Policies.Get(r, a.Account, rest[strings.LastIndexByte(rest, '/')+1:])
	if err != nil || p == nil || p.ARN() != name {
		return nil, err
	}
	return p, nil
}

// attachable reports whether a managed policy is there for the call's account: one of
// its own, or of AWS's.
func (s *Service) attachable(r kv.Reader, call *gate.Call, name string) (bool, error) {
	a, err := arn.Parse(name)
	if err != nil || a.Account != call.Account && a.Account != identity.AWSAccount {
		return false, nil
	}
	_, found, err := s.directory.Managed(r, name)
	return found, err
}

// checkBoundary refuses a permissions boundary that is no managed policy.
func (s *Service) checkBoundary(r kv.Reader, call *gate.Call, name *string) error {
	if name == nil {
		return nil
	}
	found, err := s.attachable(r, call, *name)
	if err == nil && !found {
		err = noSuchBoundary(*name)
	}
	return err
}
