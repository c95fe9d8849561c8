// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
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
	p, err := s.directory.Policy(r, name)
	if err != nil || p == nil || p.Account != call.Account {
		return nil, err
	}
	return p, nil
}

// anyPolicy returns the policy of that ARN, the account's or AWS's, or nil.
func (s *Service) anyPolicy(r kv.Reader, call *gate.Call, name string) (*identity.ManagedPolicy, error) {
	p, err := s.directory.Policy(r, name)
	if err != nil || p == nil || p.Account != call.Account && p.Account != identity.AWSAccount {
		return nil, err
	}
	return p, nil
}

// checkBoundary refuses a permissions boundary that is no managed policy.
func (s *Service) checkBoundary(r kv.Reader, call *gate.Call, name *string) error {
	if name == nil {
		return nil
	}
	if err := checkPolicyARN(*name); err != nil {
		return err
	}
	p, err := s.anyPolicy(r, call, *name)
	if err == nil && p == nil {
		err = noSuchBoundary(*name)
	}
	return err
}

// checkPolicyARN refuses what can't name a managed policy.
func checkPolicyARN(name string) error {
	a, err := arn.Parse(name)
	switch {
	case err != nil || a.Service != "iam" || a.Region != "" || !strings.HasPrefix(a.Resource, "policy/"):
		return iam.InvalidInputException.Newf("ARN %s is not valid.", name)
	case a.Partition != "aws":
		return api.ValidationError.New("Invalid ARN partition")
	}
	return nil
}
