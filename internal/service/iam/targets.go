// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"context"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// on makes a row's Targets of a function that finds the one entity of a call.
func on[In any](find func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error)) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return find(r, call, in)
	})
}

// entity is a target of IAM's, by the path and the name that it has or is to get.
func entity(call *gate.Call, n noun, pathAndName string, c conditions) gate.Target {
	name := arn.ARN{Partition: "aws", Service: "iam", Account: call.Account, Resource: string(n) + pathAndName}
	return gate.Target{ARN: name.String(), Type: recordType[n], Keys: c.values}
}

// asks is what a denial calls an entity that a request asks for by that name. Of one that
// the request would make it tells the ARN, unless it is a policy.
func asks(n noun, name string) string { return string(n) + " " + name }

// recordType are the types of resources in CloudTrail's records.
var recordType = map[noun]string{
	userNoun: "AWS::IAM::User", groupNoun: "AWS::IAM::Group", roleNoun: "AWS::IAM::Role", policyNoun: "AWS::IAM::Policy",
	providerNoun: "AWS::IAM::OIDCProvider",
}

// created is the target of a call that makes an entity.
func created(call *gate.Call, n noun, path *string, name string, c conditions) gate.Target {
	return entity(call, n, cmp.Or(storedPath(path), "/")+name, c)
}

// principalTarget is the target of a call about a user or role, there or not. It adds
// the tags and, unless the request sets one, the boundary to the condition keys.
func (s *Service) principalTarget(r kv.Reader, call *gate.Call, kind identity.Kind, name string, c conditions) (gate.Target, error) {
	p, err := s.directory.Principals.Get(r, call.Account, string(kind), name)
	if err != nil {
		return gate.Target{}, err
	}
	t := entity(call, nounOf(kind), "/"+name, c)
	if p != nil {
		c.tags, c.boundary = p.Tags, cmp.Or(c.boundary, p.Boundary)
		t.ARN, t.Keys = p.ARN(), c.values
	}
	t.Asked = asks(nounOf(kind), name)
	return t, nil
}

// userTarget is principalTarget of a user. Without a name it is the caller.
func (s *Service) userTarget(r kv.Reader, call *gate.Call, name *string, c conditions) (gate.Target, error) {
	kind, of, err := userOf(call, name)
	if err != nil {
		return gate.Target{}, err
	}
	return s.principalTarget(r, call, kind, of, c)
}

// onUser makes a row's Targets of the member that names the user.
func onUser[In any](s *Service, member func(*In) *string) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return s.userTarget(r, call, member(in), conditions{})
	})
}

// onGroup makes a row's Targets of the member that names the group.
func onGroup[In any](s *Service, member func(*In) *string) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return s.groupTarget(r, call, *member(in), conditions{})
	})
}

// onAll makes a row's Targets of a list of entities with that prefix of their paths.
func onAll[In any](n noun, prefix func(*In) *string) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return on(func(_ kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		t := entity(call, n, cmp.Or(deref(prefix(in)), "/"), conditions{})
		t.Type = ""
		return t, nil
	})
}

// groupTarget is the target of a call about a group, there or not.
func (s *Service) groupTarget(r kv.Reader, call *gate.Call, name string, c conditions) (gate.Target, error) {
	g, err := s.directory.Groups.Get(r, call.Account, name)
	if err != nil {
		return gate.Target{}, err
	}
	path := "/"
	if g != nil {
		path = cmp.Or(g.Path, "/")
	}
	t := entity(call, groupNoun, path+name, c)
	t.Asked = asks(groupNoun, name)
	return t, nil
}

// policyTarget is the target of a call about a managed policy, there or not, of the
// account's or of AWS's.
func (s *Service) policyTarget(r kv.Reader, call *gate.Call, name string, c conditions) (gate.Target, error) {
	if err := checkPolicyARN(name); err != nil {
		return gate.Target{}, err
	}
	p, err := s.managedPolicy(r, call, name)
	if err != nil {
		return gate.Target{}, err
	}
	if p != nil {
		c.tags = p.Tags
	}
	return gate.Target{ARN: name, Asked: asks(policyNoun, name), Type: recordType[policyNoun], Keys: c.values}, nil
}
