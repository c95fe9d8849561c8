// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"fmt"
	"sync"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// tablePolicies has the resource policies, by account, region and the secret's UID.
const tablePolicies = "sm/policy"

// ResourcePolicy is the record of a secret's resource policy. It stands beside the head,
// which tells whether there is one, because it may be larger than all else there.
type ResourcePolicy struct {
	// Document is the policy as it was put.
	Document string

	once     sync.Once
	compiled policy.Attached
}

// attached compiles the policy once for as long as the table remembers the record. A
// document that can't be compiled any more denies everything.
func (p *ResourcePolicy) attached() *policy.Attached {
	p.once.Do(func() {
		compiled, err := policy.Parse([]byte(p.Document), policy.KindResource)
		if err == nil {
			p.compiled.Policy = compiled
		}
	})
	return &p.compiled
}

// resourcePolicy returns the secret's resource policy, or nil when it has none.
func (s *Service) resourcePolicy(r kv.Reader, secret *Secret) (*ResourcePolicy, error) {
	if !secret.Policed {
		return nil, nil
	}
	found, err := s.policies.Get(r, secret.Account, secret.Region, secret.UID)
	if err == nil && found == nil {
		err = fmt.Errorf("the resource policy of secret %s is missing", secret.ARN)
	}
	return found, err
}

// putPolicy attaches a policy to the secret, in place of one that it has.
func (s *Service) putPolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.PutResourcePolicyInput) (*sm.PutResourcePolicyOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	compiled, err := s.compilePolicy(tx, *in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	if is(in.BlockPublicPolicy, false) && compiled.Public() {
		return nil, errPublicPolicy
	}
	secret.Policed = true
	if err := s.policies.Put(tx, &ResourcePolicy{Document: *in.ResourcePolicy}, secret.Account, secret.Region, secret.UID); err != nil {
		return nil, err
	}
	return &sm.PutResourcePolicyOutput{ARN: &secret.ARN, Name: &secret.Name}, s.save(tx, call, secret)
}

// getPolicy returns the policy as it was put. Of a secret without one the answer says
// nothing.
func (s *Service) getPolicy(_ context.Context, r kv.Reader, call *gate.Call, in *sm.GetResourcePolicyInput) (*sm.GetResourcePolicyOutput, error) {
	secret, err := s.find(r, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if !secret.Deleted.IsZero() {
		return nil, errDeleted
	}
	out := &sm.GetResourcePolicyOutput{ARN: &secret.ARN, Name: &secret.Name}
	found, err := s.resourcePolicy(r, secret)
	if found != nil {
		out.ResourcePolicy = &found.Document
	}
	return out, err
}

// deletePolicy detaches the secret's policy. That there is none is no error.
func (s *Service) deletePolicy(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.DeleteResourcePolicyInput) (*sm.DeleteResourcePolicyOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &sm.DeleteResourcePolicyOutput{ARN: &secret.ARN, Name: &secret.Name}
	if !secret.Policed {
		return out, nil
	}
	secret.Policed = false
	if err := s.erasePolicy(tx, secret); err != nil {
		return nil, err
	}
	return out, s.save(tx, call, secret)
}

func (s *Service) erasePolicy(tx kv.Tx, secret *Secret) error {
	return s.policies.Delete(tx, secret.Account, secret.Region, secret.UID)
}

// askedPolicy has the condition key of PutResourcePolicy.
func askedPolicy(in *sm.PutResourcePolicyInput, key string) ([]string, bool) {
	if key != "secretsmanager:blockpublicpolicy" {
		return nil, false
	}
	return flag(in.BlockPublicPolicy)
}
