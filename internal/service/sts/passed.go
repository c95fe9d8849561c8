// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Limits of what a session is made with (STS API Reference, AssumeRole, Policy and
// PolicyArns).
const (
	// maxPolicyText is of the inline policy and the ARNs of managed ones, in characters.
	maxPolicyText = 2048
	maxPolicyARNs = 10
	// packedSize is of policies and tags together, in bytes: that of the inline policy
	// without insignificant white space, of the ARNs, and of the keys and values of all
	// tags, inherited ones too. AWS has a packed form with a limit that it doesn't tell.
	packedSize = 4096
)

// invalidParameterValue is what STS answers about tags, though its model has no such
// error.
var invalidParameterValue = api.ErrorCode{Code: "InvalidParameterValue", Status: 400}

// passed is what a request passes to the session that it asks for.
type passed struct {
	policy     *string
	policyARNs []sts.PolicyDescriptorType
	tags       []sts.Tag
	transitive []string
	// inherited are the tags that the session has from the caller's.
	inherited map[string]string
}

// check refuses what can be refused without a look at the store.
func (p *passed) check() *api.Error {
	text := 0
	if p.policy != nil {
		text = utf8.RuneCountInString(*p.policy)
	}
	if text > maxPolicyText {
		return broken("policy", "Member must have length less than or equal to 2048")
	}
	if len(p.policyARNs) > maxPolicyARNs {
		return broken("policyArns", "Member must have length less than or equal to 10")
	}
	for _, a := range p.policyARNs {
		if a.Arn == nil {
			return broken("policyArns", "Member must not be null")
		}
		text += len(*a.Arn)
	}
	if text > maxPolicyText {
		return api.ValidationError.Newf("The plain text of the session policy and of the ARNs of managed session policies is longer than %d characters.", maxPolicyText)
	}
	if p.policy != nil {
		if _, err := policy.Parse([]byte(*p.policy), policy.KindSession); err != nil {
			return malformed(err)
		}
	}
	return p.checkTags()
}

func broken(member, constraint string) *api.Error {
	return api.ValidationError.Newf("1 validation error detected: Value at '%s' failed to satisfy constraint: %s", member, constraint)
}

func malformed(err error) *api.Error {
	fault, ok := errors.AsType[*policy.MalformedError](err)
	if !ok {
		return api.InternalFailure.New("The policy could not be read.").WithCause(err)
	}
	return sts.MalformedPolicyDocumentException.New(fault.Message)
}

// checkTags holds tags to AWS's rules (IAM User Guide, "Passing session tags in AWS STS").
// Keys that differ in case alone are one.
func (p *passed) checkTags() *api.Error {
	asked := map[string]bool{}
	for _, t := range p.tags {
		key := strings.ToLower(*t.Key)
		if strings.HasPrefix(key, "aws:") {
			return invalidParameterValue.New("Tag keys that begin with aws: are reserved for system use.")
		}
		if asked[key] {
			return invalidParameterValue.New("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		asked[key] = true
		if _, taken := policy.Tag(p.inherited, key); taken {
			return invalidParameterValue.New("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	for _, key := range p.transitive {
		if !asked[strings.ToLower(key)] {
			return invalidParameterValue.New("The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

// session is what a call asks for: a session of a role or a user, the terms of which have
// what is not passed to it.
type session struct {
	identity.NewSession
	of     *identity.Principal
	passed *passed
}

// start makes a session, if there may be one with what is passed to it, and says how much of
// the room for that it takes, in percent.
func (s *Service) start(r kv.Reader, call *gate.Call, n session) (*identity.GrantedKey, int32, error) {
	if err := s.checkManaged(r, n.of.Account, n.passed.policyARNs); err != nil {
		return nil, 0, err
	}
	percent, err := n.passed.into(&n.Terms)
	if err != nil {
		return nil, 0, err
	}
	key, err := s.directory.StartSession(n.of, n.NewSession, call.Time)
	return key, percent, err
}

// into adds what is passed, which has been checked, to what a session is made with, and says
// how much of the room for it that takes, in percent.
func (p *passed) into(t *identity.Terms) (percent int32, err error) {
	size := 0
	if p.policy != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(*p.policy)); err != nil {
			return 0, err // no policy that was checked
		}
		t.Policies, size = []string{compact.String()}, compact.Len()
	}
	for _, a := range p.policyARNs {
		t.PolicyARNs = append(t.PolicyARNs, *a.Arn)
		size += len(*a.Arn)
	}
	t.Tags = map[string]string{}
	for key, value := range p.inherited {
		t.Tags[key], t.Transitive = value, append(t.Transitive, key)
	}
	for _, tag := range p.tags {
		t.Tags[*tag.Key] = *tag.Value
		for _, key := range p.transitive {
			if strings.EqualFold(key, *tag.Key) {
				t.Transitive = append(t.Transitive, *tag.Key)
				break
			}
		}
	}
	for key, value := range t.Tags {
		size += len(key) + len(value)
	}
	percent = int32((size*100 + packedSize - 1) / packedSize)
	switch {
	case percent <= 100:
		return percent, nil
	case len(t.Policies)+len(t.PolicyARNs) > 0:
		return percent, sts.PackedPolicyTooLargeException.Newf("Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return percent, sts.PackedPolicyTooLargeException.Newf("Packed size of session tags consumes %d%% of allotted space.", percent)
}

// checkManaged refuses managed session policies that are neither the account's nor AWS's.
func (s *Service) checkManaged(r kv.Reader, account string, policies []sts.PolicyDescriptorType) error {
	for _, p := range policies {
		name, err := arn.Parse(*p.Arn)
		found := err == nil && (name.Account == account || name.Account == identity.AWSAccount)
		if found {
			if _, found, err = s.directory.Managed(r, *p.Arn); err != nil {
				return err
			}
		}
		if !found {
			return api.ValidationError.Newf("Policy %s does not exist or is not attachable.", *p.Arn)
		}
	}
	return nil
}
