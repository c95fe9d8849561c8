// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// tablePolicies has the resource policies of a parameter, by account, region and
// generation.
const tablePolicies = "ssm/policy"

const (
	// maxResourcePolicy is the largest resource policy, in bytes:
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutResourcePolicy.html
	maxResourcePolicy = 1024
	// maxResourcePolicies is how many a parameter may have: as many as a page of
	// GetResourcePolicies. AWS does not tell its limit.
	maxResourcePolicies = 50
)

// Directory knows which principals there are.
type Directory interface {
	// Exists reports whether a policy may name that principal: the ARN of a user, a
	// role, a session or an account's root.
	Exists(r kv.Reader, arn string) (bool, error)
}

// resourcePolicies is the record of a parameter's resource policies. It stands beside
// the parameter, which tells whether there are any.
type resourcePolicies struct {
	// All are in the order in which they came.
	All []resourcePolicy

	once     sync.Once
	compiled policy.Attached
}

// resourcePolicy is one resource policy of a parameter.
type resourcePolicy struct {
	// Number is its place, which no other policy of the record had before.
	Number int64
	ID     string
	// Hash is that of this version of the policy.
	Hash     string
	Document string
}

// attached compiles the policies once for as long as the table remembers the record:
// they hold beside one another. One that can't be compiled any more denies everything.
func (p *resourcePolicies) attached() *policy.Attached {
	p.once.Do(func() {
		var all []*policy.Policy
		for i := range p.All {
			compiled, err := policy.Parse([]byte(p.All[i].Document), policy.KindResource)
			if err != nil {
				return
			}
			all = append(all, compiled)
		}
		p.compiled.Policy = policy.Join(all)
	})
	return &p.compiled
}

// find returns where the policy with that id is, whose version a request names by its
// hash.
func (p *resourcePolicies) find(id, hash string) (int, error) {
	i := slices.IndexFunc(p.All, func(have resourcePolicy) bool { return have.ID == id })
	switch {
	case i < 0:
		return 0, ssm.ResourcePolicyNotFoundException.New("No policies with the specified policy ID and hash could be found.")
	case p.All[i].Hash != hash:
		return 0, ssm.ResourcePolicyConflictException.New("The hash provided in the call doesn't match the stored hash.")
	}
	return i, nil
}

// set gives the policy another version, whose hash depends on all versions before.
func (p *resourcePolicy) set(document string) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", p.ID, p.Hash, document))
	p.Hash, p.Document = hex.EncodeToString(sum[:]), document
}

// policiesOf returns the resource policies of a parameter, not to be changed. A
// parameter without any has an empty record.
func (s *service) policiesOf(r kv.Reader, call *gate.Call, p *Parameter) (*resourcePolicies, error) {
	if !p.Policed {
		return &resourcePolicies{}, nil
	}
	found, err := s.policies.Get(r, call.Account, call.Region, p.Generation)
	if err == nil && found == nil {
		err = fmt.Errorf("the resource policies of parameter %s are missing", p.Name)
	}
	return found, err
}

// savePolicies stores the resource policies of a parameter.
func (s *service) savePolicies(tx kv.Tx, call *gate.Call, p *Parameter, all []resourcePolicy) error {
	if policed := len(all) > 0; policed != p.Policed {
		next := *p // which is shared
		next.Policed = policed
		if err := s.heads.Put(tx, &next, segments(call, p.key())...); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return s.policies.Delete(tx, call.Account, call.Region, p.Generation)
	}
	return s.policies.Put(tx, &resourcePolicies{All: all}, call.Account, call.Region, p.Generation)
}

// checkResourcePolicy refuses a document that is no policy, or that names a principal
// whom there is not.
func (s *service) checkResourcePolicy(r kv.Reader, document string) error {
	if len(document) > maxResourcePolicy {
		return tooMany(fmt.Sprintf("A policy can't be greater than %d bytes in size.", maxResourcePolicy), maxResourcePolicy, "PolicySize")
	}
	p, err := policy.Parse([]byte(document), policy.KindResource)
	if fault, ok := errors.AsType[*policy.MalformedError](err); ok {
		return malformedPolicy(fault.Message)
	}
	if err != nil {
		return err
	}
	arns, _ := p.Named()
	for _, name := range arns {
		if exists, err := s.directory.Exists(r, name); err != nil {
			return err
		} else if !exists {
			return malformedPolicy("Invalid principal in policy: " + name)
		}
	}
	return nil
}

func malformedPolicy(why string) error {
	return ssm.MalformedResourcePolicyDocumentException.New("The specified policy document is malformed or invalid: " + why)
}

// tooMany refuses what is over a limit, which the answer names.
func tooMany(message string, limit int32, kind string) error {
	return ssm.ResourcePolicyLimitExceededException.New(message).WithDetails(&struct {
		Limit     *int32  `json:"Limit,omitzero"`
		LimitType *string `json:"LimitType,omitzero"`
	}{&limit, &kind})
}

// badParameter refuses members of a request, which the answer names.
func badParameter(message string, members ...string) *api.Error {
	return ssm.ResourcePolicyInvalidParameterException.New(message).WithDetails(&struct {
		ParameterNames []string `json:"ParameterNames,omitzero"`
	}{members})
}
