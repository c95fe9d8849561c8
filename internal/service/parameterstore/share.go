// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The operations on resource policies, by which an advanced parameter is shared:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-shared-parameters.html

// putPolicy attaches another policy to a parameter or, if the request names one, stores
// its next version.
func (s *service) putPolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.PutResourcePolicyInput) (*ssm.PutResourcePolicyOutput, error) {
	p, err := s.shared(tx, call, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Current.Tier != ssm.ParameterTierAdvanced:
		return nil, badParameter("To share a parameter, it must be in the advanced parameter tier.", "ResourceArn")
	case in.PolicyId == nil && in.PolicyHash != nil:
		return nil, badParameter("To update a policy, you must specify PolicyId and PolicyHash.", "PolicyId")
	case in.PolicyId != nil && in.PolicyHash == nil:
		return nil, badParameter("To update a policy, you must specify PolicyId and PolicyHash.", "PolicyHash")
	}
	if err := s.checkResourcePolicy(tx, *in.Policy); err != nil {
		return nil, err
	}
	have, err := s.policiesOf(tx, call, p)
	if err != nil {
		return nil, err
	}
	all, i := slices.Clone(have.All), len(have.All)
	if in.PolicyId != nil {
		if i, err = have.find(*in.PolicyId, *in.PolicyHash); err != nil {
			return nil, err
		}
	} else if i == maxResourcePolicies {
		return nil, tooMany("Only "+strconv.Itoa(maxResourcePolicies)+" policies can be attached to a parameter.", maxResourcePolicies, "PolicyCount")
	} else {
		next := resourcePolicy{Number: 1, ID: gate.NewID()}
		if i > 0 {
			next.Number = all[i-1].Number + 1
		}
		all = append(all, next)
	}
	all[i].set(*in.Policy)
	return &ssm.PutResourcePolicyOutput{PolicyId: &all[i].ID, PolicyHash: &all[i].Hash}, s.savePolicies(tx, call, p, all)
}

// getPolicies lists a parameter's policies, in the order in which they came.
func (s *service) getPolicies(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.GetResourcePoliciesInput) (*ssm.GetResourcePoliciesOutput, error) {
	p, err := s.shared(r, call, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	have, err := s.policiesOf(r, call, p)
	if err != nil {
		return nil, err
	}
	after := int64(0)
	if in.NextToken != nil {
		cursor, ok := call.Cursor(*in.NextToken, p.Generation)
		if after, err = strconv.ParseInt(cursor, 10, 64); !ok || err != nil {
			return nil, badParameter(msgToken, "NextToken")
		}
	}
	out := &ssm.GetResourcePoliciesOutput{Policies: []ssm.GetResourcePoliciesResponseEntry{}}
	limit := pageSize(in.MaxResults, maxResourcePolicies)
	for _, one := range have.All {
		if one.Number <= after {
			continue
		}
		if len(out.Policies) == limit {
			out.NextToken = new(call.PageToken(strconv.FormatInt(after, 10), p.Generation))
			break
		}
		after = one.Number
		out.Policies = append(out.Policies, ssm.GetResourcePoliciesResponseEntry{PolicyId: &one.ID, PolicyHash: &one.Hash, Policy: &one.Document})
	}
	return out, nil
}

// deletePolicy takes a policy off a parameter.
func (s *service) deletePolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.DeleteResourcePolicyInput) (*ssm.DeleteResourcePolicyOutput, error) {
	p, err := s.shared(tx, call, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	have, err := s.policiesOf(tx, call, p)
	if err != nil {
		return nil, err
	}
	i, err := have.find(*in.PolicyId, *in.PolicyHash)
	if err != nil {
		return nil, err
	}
	return &ssm.DeleteResourcePolicyOutput{}, s.savePolicies(tx, call, p, slices.Delete(slices.Clone(have.All), i, i+1))
}

// shared finds the parameter that an ARN names, for the operations on its policies.
func (s *service) shared(r kv.Reader, call *gate.Call, asked string) (*Parameter, error) {
	ref, err := refer(call, asked)
	if api.ValidationException.Is(err) || err == nil && (ref.name != "" || ref.selector != "") {
		return nil, badParameter("The ResourceArn is not the ARN of a parameter.", "ResourceArn")
	}
	if err != nil {
		return nil, err
	}
	var p *Parameter
	if !ref.elsewhere && ref.account == call.Account {
		p, err = s.find(r, call, ref.key)
	}
	if err == nil && p == nil {
		err = ssm.ResourceNotFoundException.New("The specified parameter to be shared could not be found.")
	}
	return p, err
}
