// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// Errors of what a simulation is to suppose. AWS's words where they are known.
var (
	errCallerNeeded = iam.InvalidInputException.New("CallerArn is required if you include a ResourcePolicy and the PolicySourceArn is not the ARN for an IAM user.")
	errBoundaries   = iam.InvalidInputException.New("PermissionsBoundaryPolicyInputList can have one policy only.")
)

// simulation decides on supposed requests.
type simulation struct {
	source
	owner string // of resources whose ARN names none
	given entries
	keys  []string // that the policies mention
}

// newSimulation puts what a request supposes in its place.
func newSimulation(from source, in *iam.SimulateCustomPolicyInput) (*simulation, error) {
	s := &simulation{source: from}
	var err error
	if s.given, err = newEntries(in.ContextEntries); err != nil {
		return nil, err
	}
	inputs, err := inputPolicies("PolicyInputList", in.PolicyInputList, policy.KindIdentity)
	if err != nil {
		return nil, err
	}
	s.set.Identity = slices.Concat(s.set.Identity, inputs)
	if err := s.limit(in.PermissionsBoundaryPolicyInputList); err != nil {
		return nil, err
	}
	if err := s.call(in); err != nil {
		return nil, err
	}
	if err := s.protect(in); err != nil {
		return nil, err
	}
	s.keys = s.mentioned()
	return s, nil
}

// limit supposes a permissions boundary in the place of one that there is.
func (s *simulation) limit(documents []string) error {
	if len(documents) > 1 {
		return errBoundaries
	}
	inputs, err := inputPolicies("PermissionsBoundaryPolicyInputList", documents, policy.KindBoundary)
	if err == nil && len(inputs) > 0 {
		s.set.Boundary = &inputs[0]
	}
	return err
}

// call supposes who calls. Of a caller who is not the source nothing is known but the ARN.
func (s *simulation) call(in *iam.SimulateCustomPolicyInput) error {
	if in.CallerArn == nil || *in.CallerArn == s.principal.ARN {
		return nil
	}
	account, n, _, err := entityOf(*in.CallerArn)
	if err != nil {
		return err
	}
	if n != userNoun {
		return errEntity(*in.CallerArn)
	}
	s.principal = policy.Principal{Type: policy.User, Account: account, ARN: *in.CallerArn}
	return nil
}

// protect supposes a policy of the resources, and an account that owns them.
func (s *simulation) protect(in *iam.SimulateCustomPolicyInput) error {
	s.owner = s.principal.Account
	if in.ResourceOwner != nil {
		a, err := arn.Parse(*in.ResourceOwner)
		if s.owner = *in.ResourceOwner; err == nil && a.Service == "iam" && a.Resource == "root" {
			s.owner = a.Account
		}
		if !arn.IsAccount(s.owner) {
			return iam.InvalidInputException.Newf("'%s' is not a valid as a Resource Owner.", *in.ResourceOwner)
		}
	}
	if in.ResourcePolicy == nil {
		return nil
	}
	if s.principal.Type != policy.User || s.principal.ARN == "" {
		return errCallerNeeded
	}
	inputs, err := inputPolicies("ResourcePolicy", []string{*in.ResourcePolicy}, policy.KindResource)
	if err == nil {
		inputs[0].Name = "ResourcePolicy"
		s.set.Resource = &inputs[0]
	}
	return err
}

// mentioned are the condition keys of all policies.
func (s *simulation) mentioned() []string {
	groups := [][]policy.Attached{s.set.Identity}
	for _, one := range []*policy.Attached{s.set.Boundary, s.set.Resource} {
		if one != nil {
			groups = append(groups, []policy.Attached{*one})
		}
	}
	return keysOf(append(groups, s.set.ServiceControl...)...)
}

// everything is the resource of a simulation that names none.
const everything = "*"

// simulated is one request of a simulation.
type simulated struct{ action, resource string }

// cases are the requests that are asked for, in their order.
func (s *simulation) cases(in *iam.SimulateCustomPolicyInput) ([]simulated, error) {
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{everything}
	}
	for _, r := range resources {
		if r != everything && !arn.IsARN(r) {
			return nil, iam.InvalidInputException.Newf("ResourceNames are not in a valid ARN format: %s.", r)
		}
	}
	var all []simulated
	for _, action := range in.ActionNames {
		vendor, name, ok := strings.Cut(action, ":")
		if !ok || vendor == "" || name == "" || strings.ContainsAny(action, "*?") || strings.Contains(name, ":") {
			return nil, iam.InvalidInputException.Newf("Invalid Input Action: %s is not the name of an action, such as iam:CreateUser.", action)
		}
		for _, r := range resources {
			all = append(all, simulated{action, r})
		}
	}
	return all, nil
}

// request is a case as the engine decides it.
func (s *simulation) request(c simulated) *policy.Request {
	req := &policy.Request{Principal: s.principal, Account: s.owner, Action: c.action, Resource: c.resource, Given: s.given}
	if a, err := arn.Parse(c.resource); err == nil {
		req.Account = cmp.Or(a.Account, s.owner)
	}
	return req
}

// missing are the keys that the policies mention and that the request does not have.
func (s *simulation) missing(req *policy.Request) []string {
	missing := []string{}
	for _, key := range s.keys {
		if !req.Has(key) {
			missing = append(missing, key)
		}
	}
	return missing
}
