// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// What DeletePolicy answers while something hangs on the policy, in AWS's words.
var (
	errPolicyAttached = iam.DeleteConflictException.New("Cannot delete a policy attached to entities.")
	errPolicyVersions = iam.DeleteConflictException.New("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
		"The default version is deleted with the policy.")
)

// bindPolicies binds the operations on managed policies, but for their versions and tags.
func (s *Service) bindPolicies(g *gate.Gate) {
	gate.Write(g, iam.CreatePolicy, gate.Row[iam.CreatePolicyInput]{
		Access: gate.AccessPermissions, Targets: on(newPolicy),
	}, s.createPolicy)
	gate.Read(g, iam.GetPolicy, onPolicy(s, gate.AccessRead, func(in *iam.GetPolicyInput) *string { return in.PolicyArn }), s.getPolicy)
	gate.Write(g, iam.DeletePolicy, onPolicy(s, gate.AccessPermissions, func(in *iam.DeletePolicyInput) *string { return in.PolicyArn }), s.deletePolicy)
	gate.Read(g, iam.ListPolicies, gate.Row[iam.ListPoliciesInput]{
		Access: gate.AccessList,
		Targets: on(func(kv.Reader, *gate.Call, *iam.ListPoliciesInput) (gate.Target, error) {
			return gate.Target{ARN: "*", Asked: "policy path /"}, nil
		}),
	}, s.listPolicies)
	gate.Read(g, iam.ListEntitiesForPolicy, onPolicy(s, gate.AccessList, func(in *iam.ListEntitiesForPolicyInput) *string { return in.PolicyArn }), s.listEntitiesForPolicy)
}

// onPolicy is the row of an operation on the managed policy that its request names.
func onPolicy[In any](s *Service, access gate.Access, name func(*In) *string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return s.policyTarget(r, call, *name(in), conditions{})
	})}
}

// someoneElses refuses to change a policy of AWS's.
func someoneElses(call *gate.Call, name string) error {
	return api.AccessDenied.Newf("User: %s is not authorized to perform: %s on resource: %s", call.Principal.ARN, call.Action(), asks(policyNoun, name))
}

// readablePolicy returns the managed policy of that ARN, the account's own or AWS's.
func (s *Service) readablePolicy(r kv.Reader, call *gate.Call, name string) (*identity.ManagedPolicy, error) {
	p, err := s.anyPolicy(r, call, name)
	if err == nil && p == nil {
		err = noSuchPolicy(name)
	}
	return p, err
}

// ownPolicy returns a copy of the account's managed policy of that ARN, to be changed.
func (s *Service) ownPolicy(r kv.Reader, call *gate.Call, name string) (*identity.ManagedPolicy, error) {
	p, err := s.readablePolicy(r, call, name)
	if err != nil {
		return nil, err
	}
	if p.Account == identity.AWSAccount {
		return nil, someoneElses(call, name)
	}
	return new(*p), nil
}

// putPolicy stores a managed policy, for everybody who has it.
func (s *Service) putPolicy(tx kv.Tx, p *identity.ManagedPolicy) error {
	if err := s.directory.Policies.Put(tx, p, p.Account, p.Name); err != nil {
		return err
	}
	return s.directory.Touch(tx, p.Account)
}

// newPolicy is what a decision about CreatePolicy is taken on.
func newPolicy(_ kv.Reader, call *gate.Call, in *iam.CreatePolicyInput) (gate.Target, error) {
	t := created(call, policyNoun, in.Path, *in.PolicyName, conditions{asked: in.Tags})
	t.Asked = asks(policyNoun, *in.PolicyName)
	return t, nil
}

func (s *Service) createPolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	target, _ := newPolicy(tx, call, in)
	if err := mayTag(call, iam.TagPolicy.Action(), target, in.Tags); err != nil {
		return nil, err
	}
	tags, err := newExactTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	there, taken, err := named(s.directory.Policies.All(tx, "", call.Account), *in.PolicyName)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, iam.EntityAlreadyExistsException.Newf("A policy called %s already exists. Duplicate names are not allowed.", *in.PolicyName)
	}
	if err := policiesQuota.room(there); err != nil {
		return nil, err
	}
	now := call.Time.UTC()
	p := &identity.ManagedPolicy{
		Account: call.Account, Name: *in.PolicyName, Path: storedPath(in.Path), ID: identity.NewID(identity.PrefixPolicy),
		Description: deref(in.Description), Created: now, Updated: now, Tags: tags, Default: "v1", Last: 1,
		Versions: []identity.PolicyVersion{{ID: "v1", Document: *in.PolicyDocument, Created: now}},
	}
	shown := showPolicy(p, uses{})
	shown.Tags = showTags(p.Tags)
	return &iam.CreatePolicyOutput{Policy: &shown}, s.putPolicy(tx, p)
}

func (s *Service) getPolicy(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p, err := s.readablePolicy(r, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	used, err := s.uses(r, call.Account)
	if err != nil {
		return nil, err
	}
	shown := showPolicy(p, used[p.ARN()])
	shown.Tags = showTags(p.Tags)
	if p.Description != "" {
		shown.Description = &p.Description
	}
	return &iam.GetPolicyOutput{Policy: &shown}, nil
}

func (s *Service) deletePolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	p, err := s.ownPolicy(tx, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	used, err := s.uses(tx, call.Account)
	switch {
	case err != nil:
		return nil, err
	case used[p.ARN()] != uses{}:
		return nil, errPolicyAttached
	case len(p.Versions) > 1:
		return nil, errPolicyVersions
	}
	if err := s.directory.Policies.Delete(tx, p.Account, p.Name); err != nil {
		return nil, err
	}
	return &iam.DeletePolicyOutput{}, s.directory.Touch(tx, p.Account)
}

// showPolicy is a managed policy as all answers have it.
func showPolicy(p *identity.ManagedPolicy, used uses) iam.Policy {
	shown := iam.Policy{
		PolicyName: &p.Name, Arn: new(p.ARN()), Path: shownPath(p.Path), DefaultVersionId: &p.Default, IsAttachable: new(true),
		AttachmentCount: new(int32(used.attached)), PermissionsBoundaryUsageCount: new(int32(used.bounds)),
		CreateDate: new(api.NewTime(p.Created)), UpdateDate: new(api.NewTime(p.Updated)),
	}
	if p.ID != "" { // of one of AWS's it is not known
		shown.PolicyId = &p.ID
	}
	return shown
}
