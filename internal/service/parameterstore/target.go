// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// cloudTrailType is what CloudTrail calls a parameter.
const cloudTrailType = "AWS::SSM::Parameter"

// Which resource each operation is authorised on:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-retrieval-authorization.html

// target is a parameter for a decision, whether it exists or not, with what the
// request says.
func (ref *reference) target(p *Parameter, c conditions) gate.Target {
	if p != nil {
		c.tags = p.Tags
	}
	return gate.Target{ARN: ref.arn, Type: cloudTrailType, Keys: c.values}
}

// meant returns the parameter that a reference means, or nil.
func (s *service) meant(r kv.Reader, call *gate.Call, ref *reference) (*Parameter, error) {
	if ref.elsewhere {
		return nil, nil
	}
	return s.find(r, call.InAccount(ref.account), ref.key)
}

// ownTarget is the target of an operation for which a parameter can't be shared.
func (s *service) ownTarget(r kv.Reader, call *gate.Call, ref *reference) (gate.Target, error) {
	p, err := s.meant(r, call, ref)
	return ref.target(p, conditions{}), err
}

// sharedTarget is the target of an operation for which it can.
func (s *service) sharedTarget(r kv.Reader, call *gate.Call, ref *reference) (gate.Target, error) {
	p, err := s.meant(r, call, ref)
	t := ref.target(p, conditions{})
	if err != nil || p == nil || !p.Policed {
		return t, err
	}
	have, err := s.policiesOf(r, call.InAccount(ref.account), p)
	if err == nil {
		t.Policy = have.attached()
	}
	return t, err
}

// policyTarget is the target of an operation on the policies of a resource. What can't
// be a parameter is a target as it stands.
func (s *service) policyTarget(r kv.Reader, call *gate.Call, asked string) (gate.Target, error) {
	ref, err := refer(call, asked)
	if api.ValidationException.Is(err) {
		return gate.Target{ARN: asked}, nil
	}
	if err != nil {
		return gate.Target{}, err
	}
	return s.ownTarget(r, call, ref)
}

// tagTarget is the target of an operation on the tags of a resource. An id that can't
// be a parameter's is a target as it stands, and of other types there are none.
func (s *service) tagTarget(r kv.Reader, call *gate.Call, res resource, c conditions) (gate.Target, error) {
	if res.kind != typeParameter {
		return gate.Target{ARN: "*", Keys: c.values}, nil
	}
	ref, err := refer(call, res.id)
	if api.ValidationException.Is(err) {
		return gate.Target{ARN: parameterARN(call, strings.TrimPrefix(res.id, "/")), Keys: c.values}, nil
	}
	if err != nil {
		return gate.Target{}, err
	}
	p, err := s.meant(r, call, ref)
	return ref.target(p, c), err
}

// finder finds the target of a reference.
type finder func(kv.Reader, *gate.Call, *reference) (gate.Target, error)

// named is the target of an operation on one parameter.
func (find finder) named(r kv.Reader, call *gate.Call, asked string) (gate.Target, error) {
	ref, err := refer(call, asked)
	if err != nil {
		return gate.Target{}, err
	}
	return find(r, call, ref)
}

// listed are the targets of an operation on several parameters, which is refused as a
// whole when one of them is. A name that can't be a parameter's is a target as it stands.
func (find finder) listed(r kv.Reader, call *gate.Call, names []string) ([]gate.Target, error) {
	var targets []gate.Target
	for _, asked := range names {
		t, err := find.named(r, call, asked)
		if api.ValidationException.Is(err) {
			t, err = gate.Target{ARN: parameterARN(call, asked)}, nil
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// putTarget is the parameter to be, with what the request says of it.
func (s *service) putTarget(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.PutParameterInput) (gate.Target, error) {
	_, key, err := creatable(call, *in.Name)
	if err != nil {
		return gate.Target{}, err
	}
	p, err := s.find(r, call, key)
	if err != nil {
		return gate.Target{}, err
	}
	c := putConditions(in)
	if p != nil {
		c.tags = p.Tags
	}
	return gate.Target{ARN: parameterARN(call, key), Type: cloudTrailType, Keys: c.values}, nil
}

// putConditions are the condition keys of what a PutParameter asks for.
func putConditions(in *ssm.PutParameterInput) conditions {
	c := conditions{other: map[string]string{
		"ssm:overwrite": strconv.FormatBool(isTrue(in.Overwrite)),
		"ssm:policies":  strconv.FormatBool(in.Policies != nil),
	}}
	if len(in.Tags) > 0 {
		c.requested = requested(in.Tags)
	}
	return c
}

// requested are the tags of a request as conditions see them.
func requested(tags []ssm.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[*t.Key] = *t.Value
	}
	return out
}

// pathTarget is the path of the request: who may read it may read all below it,
// whatever is denied of the parameters there, as on AWS.
func pathTarget(_ context.Context, _ kv.Reader, call *gate.Call, in *ssm.GetParametersByPathInput) (gate.Target, error) {
	path, err := checkPath(*in.Path)
	if err != nil {
		return gate.Target{}, err
	}
	c := conditions{other: map[string]string{"ssm:recursive": strconv.FormatBool(isTrue(in.Recursive))}}
	return gate.Target{ARN: parameterARN(call, strings.TrimPrefix(path, "/")), Keys: c.values}, nil
}

// allTarget is what AWS decides DescribeParameters on, as its denials tell: everything
// of Systems Manager in the account and region.
func allTarget(_ context.Context, _ kv.Reader, call *gate.Call, _ *ssm.DescribeParametersInput) (gate.Target, error) {
	return gate.Target{ARN: call.ARN("ssm", "*")}, nil
}

// conditions are the condition keys of Parameter Store, by the service authorization
// reference of AWS Systems Manager.
type conditions struct {
	tags      map[string]string // of the parameter
	requested map[string]string // tags of the request
	keys      []string          // of tags that the request removes
	other     map[string]string // by key in lower case
}

func (c conditions) values(key string) ([]string, bool) {
	switch prefix, tag, _ := strings.Cut(key, "/"); prefix {
	case "aws:resourcetag", "ssm:resourcetag":
		return policy.Tag(c.tags, tag)
	case "aws:requesttag":
		return policy.Tag(c.requested, tag)
	case "aws:tagkeys":
		if c.requested == nil {
			return c.keys, len(c.keys) > 0
		}
		return slices.Sorted(maps.Keys(c.requested)), len(c.requested) > 0
	}
	value, ok := c.other[key]
	return []string{value}, ok
}

func isTrue(b *bool) bool { return b != nil && *b }
