// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"iter"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// bindSimulators binds the policy simulator: what policies would decide, without a call.
// It decides with the engine that decides on calls, and knows of a request what it is told.
func (s *Service) bindSimulators(g *gate.Gate) {
	gate.Read(g, iam.SimulateCustomPolicy, gate.Row[iam.SimulateCustomPolicyInput]{
		Access: gate.AccessRead, Targets: gate.Everything[iam.SimulateCustomPolicyInput],
	}, s.simulateCustom)
	gate.Read(g, iam.SimulatePrincipalPolicy, gate.Row[iam.SimulatePrincipalPolicyInput]{
		Access: gate.AccessRead,
		Targets: on(func(r kv.Reader, call *gate.Call, in *iam.SimulatePrincipalPolicyInput) (gate.Target, error) {
			return s.sourceTarget(r, call, *in.PolicySourceArn)
		}),
	}, s.simulatePrincipal)
	gate.Read(g, iam.GetContextKeysForCustomPolicy, gate.Row[iam.GetContextKeysForCustomPolicyInput]{
		Access: gate.AccessRead, Targets: gate.Everything[iam.GetContextKeysForCustomPolicyInput],
	}, s.keysForCustom)
	gate.Read(g, iam.GetContextKeysForPrincipalPolicy, gate.Row[iam.GetContextKeysForPrincipalPolicyInput]{
		Access: gate.AccessRead,
		Targets: on(func(r kv.Reader, call *gate.Call, in *iam.GetContextKeysForPrincipalPolicyInput) (gate.Target, error) {
			return s.sourceTarget(r, call, *in.PolicySourceArn)
		}),
	}, s.keysForPrincipal)
}

func (s *Service) simulateCustom(_ context.Context, _ kv.Reader, call *gate.Call, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	return simulate(call, source{principal: policy.Principal{Type: policy.User, Account: call.Account}}, in)
}

func (s *Service) simulatePrincipal(_ context.Context, r kv.Reader, call *gate.Call, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	from, err := s.source(r, call, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	out, err := simulate(call, from, &iam.SimulateCustomPolicyInput{
		PolicyInputList: in.PolicyInputList, PermissionsBoundaryPolicyInputList: in.PermissionsBoundaryPolicyInputList,
		ActionNames: in.ActionNames, ResourceArns: in.ResourceArns, ResourcePolicy: in.ResourcePolicy, ResourceOwner: in.ResourceOwner,
		CallerArn: in.CallerArn, ContextEntries: in.ContextEntries, MaxItems: in.MaxItems, Marker: in.Marker,
	})
	return (*iam.SimulatePrincipalPolicyOutput)(out), err
}

// simulate answers with a result for each action on each resource.
func simulate(call *gate.Call, from source, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	sim, err := newSimulation(from, in)
	if err != nil {
		return nil, err
	}
	cases, err := sim.cases(in)
	if err != nil {
		return nil, err
	}
	ask := asked{in.Marker, in.MaxItems, []string{from.principal.ARN, fmt.Sprint(len(cases))}}
	p, err := paged(call, ask, numbers(len(cases)), func(n int) string { return fmt.Sprintf("%08d", n) })
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{
		EvaluationResults: shown(p, func(n int) iam.EvaluationResult { return sim.result(cases[n]) }),
		IsTruncated:       p.truncated, Marker: p.marker,
	}, nil
}

// numbers are those below n.
func numbers(n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (s *Service) keysForCustom(_ context.Context, _ kv.Reader, _ *gate.Call, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	inputs, err := inputPolicies("PolicyInputList", in.PolicyInputList, policy.KindIdentity)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keysOf(inputs)}, nil
}

func (s *Service) keysForPrincipal(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	from, err := s.source(r, call, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	inputs, err := inputPolicies("PolicyInputList", in.PolicyInputList, policy.KindIdentity)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keysOf(from.set.Identity, inputs)}, nil
}
