// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// maxKeyPolicy is the longest key policy in bytes (AWS KMS Developer Guide, "Resource
// quotas": key policy document size).
const maxKeyPolicy = 32 << 10

// Directory knows which principals there are.
type Directory interface {
	// Exists reports whether a policy or a grant may name that principal: the ARN of a
	// user, a role, a session or an account's root.
	Exists(r kv.Reader, arn string) (bool, error)
}

// What AWS answers about key policies that it does not take.
var (
	errPolicyPrincipal = kms.MalformedPolicyDocumentException.New("Policy contains a statement with one or more invalid principals.")
	errPolicyLockout   = kms.MalformedPolicyDocumentException.New("The new key policy will not allow you to update the key policy in the future.")
)

// UnmarshalJSONFrom implements json.UnmarshalerFrom: the policy is compiled once for as
// long as the table remembers the record.
func (k *Key) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type record Key
	if err := json.UnmarshalDecode(dec, (*record)(k)); err != nil {
		return err
	}
	k.compile()
	return nil
}

// compile makes the key policy ready for decisions. One that can't be compiled any more
// denies everything. The default one stays out: that the account decides by its identity
// policies is what holds of a resource without a policy.
func (k *Key) compile() {
	k.compiled = nil
	if k.Policy == "" && k.Manager != kms.KeyManagerTypeAWS {
		return
	}
	k.compiled = &policy.Attached{Name: "key policy"}
	if p, err := policy.Parse([]byte(k.document()), policy.KindResource); err == nil {
		k.compiled.Policy = p
	}
}

// document is the text of the key policy.
func (k *Key) document() string {
	switch {
	case k.Policy != "":
		return k.Policy
	case k.Manager == kms.KeyManagerTypeAWS:
		return k.managedPolicy()
	}
	return k.defaultPolicy()
}

// parseKeyPolicy compiles a key policy that a request brings.
func parseKeyPolicy(document string) (*policy.Policy, error) {
	if len(document) > maxKeyPolicy {
		return nil, kms.LimitExceededException.Newf("The key policy is longer than %d bytes.", maxKeyPolicy)
	}
	p, err := policy.Parse([]byte(document), policy.KindResource)
	if fault, ok := errors.AsType[*policy.MalformedError](err); ok {
		if fault.Part() == "Principal" {
			return nil, errPolicyPrincipal
		}
		return nil, kms.MalformedPolicyDocumentException.Newf("The key policy is malformed: %s", strings.TrimPrefix(fault.Error(), "policy: "))
	}
	if err != nil {
		return nil, err
	}
	return p, checkConditions(p)
}

// The keys of which a request has one value at most, whose conditions KMS refuses with
// ForAllValues: that is met where the key is absent (AWS KMS Developer Guide, "AWS KMS
// condition keys").
const (
	contextCondition = "kms:encryptioncontext:"
	tagCondition     = "aws:requesttag/"
)

func checkConditions(p *policy.Policy) error {
	for _, key := range p.ForAllValues() {
		switch {
		case strings.HasPrefix(key, contextCondition):
			return kms.MalformedPolicyDocumentException.New("OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with a " +
				"single-valued condition key matches requests without the specified encryption context or with an unspecified encryption context. " +
				"To fix, remove ForAllValues.")
		case strings.HasPrefix(key, tagCondition):
			return kms.MalformedPolicyDocumentException.New("OverlyPermissiveCondition: Using the ForAllValues set operator with a " +
				"single-valued condition key matches requests without the specified tag or with an unspecified tag. To fix, remove ForAllValues.")
		}
	}
	return nil
}

// checkPrincipals refuses a key policy that names somebody who is not there.
func (s *Service) checkPrincipals(r kv.Reader, p *policy.Policy) error {
	arns, services := p.Named()
	for _, name := range services {
		if !strings.HasSuffix(name, ".amazonaws.com") && !strings.HasSuffix(name, ".amazonaws.com.cn") {
			return errPolicyPrincipal
		}
	}
	for _, name := range arns {
		if exists, err := s.directory.Exists(r, name); err != nil {
			return err
		} else if !exists {
			return errPolicyPrincipal
		}
	}
	return nil
}

// keepable refuses the policy of a key that would not let the caller replace it, unless
// the caller means that.
func (k *Key) keepable(call *gate.Call, t gate.Target, bypass *bool) error {
	if bypass != nil && *bypass {
		return nil
	}
	t.Policy, t.Exclusive, t.Granted = k.compiled, k.compiled != nil, nil
	if !call.Allowed(kms.PutKeyPolicy.Action(), t) {
		return errPolicyLockout
	}
	return nil
}

// notDefault refuses a name of a key policy that is not the only one there is.
func notDefault(name *string) *api.Error {
	if name != nil && *name != defaultPolicyName {
		return kms.NotFoundException.New("No such policy exists")
	}
	return nil
}
