// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"
	"strings"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// Directory knows which principals there are.
type Directory interface {
	// Exists reports whether a policy may name that principal: the ARN of a user, a
	// role, a session or an account's root.
	Exists(r kv.Reader, arn string) (bool, error)
}

// What AWS answers about resource policies: "Managing a resource-based policy for a
// secret" in an earlier edition of the Secrets Manager User Guide has the messages.
var (
	errPolicySyntax    = sm.MalformedPolicyDocumentException.New("This resource policy contains a syntax error.")
	errPolicyPrincipal = sm.MalformedPolicyDocumentException.New("This resource policy contains an unsupported principal.")
	errPolicyService   = sm.MalformedPolicyDocumentException.New("This resource policy contains an unsupported service principal.")
	errPublicPolicy    = sm.PublicPolicyException.New("You can't attach a resource-based policy that allows broad access to the secret.")
)

// What ValidateResourcePolicy says of a policy that PutResourcePolicy takes.
const (
	checkPublic   = "BlockPublicPolicyCheck"
	checkLockout  = "LockOutCheck"
	checkAction   = "ActionCheck"
	checkResource = "ResourceCheck"

	msgPublic   = "This resource policy grants broad access to your secret."
	msgLockout  = "Your requested changes will not allow you to manage this secret in the future."
	msgAction   = "This resource policy contains an action that is not an action of Secrets Manager."
	msgResource = "This resource policy contains a statement that is not about this secret: use * or the ARN of the secret as its resource."
)

// compilePolicy compiles a policy that may be attached to a secret: one whose
// principals there are.
func (s *Service) compilePolicy(r kv.Reader, document string) (*policy.Policy, error) {
	p, err := policy.Parse([]byte(document), policy.KindResource)
	if fault, ok := errors.AsType[*policy.MalformedError](err); ok && fault.Part() == "Principal" {
		return nil, errPolicyPrincipal
	}
	if err != nil {
		return nil, errPolicySyntax
	}
	arns, services := p.Named()
	for _, name := range services {
		if !isService(name) {
			return nil, errPolicyService
		}
	}
	for _, name := range arns {
		if exists, err := s.directory.Exists(r, name); err != nil {
			return nil, err
		} else if !exists {
			return nil, errPolicyPrincipal
		}
	}
	return p, nil
}

// isService reports whether a name has the form of AWS's service principals. Which
// there are is not known here.
func isService(name string) bool {
	return strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".amazonaws.com.cn")
}

// validatePolicy says what is wrong with a policy for a secret, or for any. A policy
// that could not be attached at all is refused as PutResourcePolicy refuses it.
func (s *Service) validatePolicy(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ValidateResourcePolicyInput) (*sm.ValidateResourcePolicyOutput, error) {
	t := gate.Target{ARN: arnOf(call, "*", unknownSuffix)}
	if in.SecretId != nil {
		secret, err := s.find(r, call, *in.SecretId)
		if err != nil {
			return nil, err
		}
		if !secret.Deleted.IsZero() {
			return nil, errDeleted
		}
		t.ARN, t.Keys = secret.ARN, secret.condition
	}
	p, err := s.compilePolicy(r, *in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	t.Policy = &policy.Attached{Policy: p}
	out := &sm.ValidateResourcePolicyOutput{ValidationErrors: []sm.ValidationErrorsEntry{}}
	for _, check := range []struct {
		passed        bool
		name, message string
	}{
		{!p.Public(), checkPublic, msgPublic},
		{call.Allowed(sm.PutResourcePolicy.Action(), t), checkLockout, msgLockout},
		{p.NamesOnly(sm.Service.Name), checkAction, msgAction},
		{in.SecretId == nil || p.About(t.ARN), checkResource, msgResource},
	} {
		if !check.passed {
			out.ValidationErrors = append(out.ValidationErrors, sm.ValidationErrorsEntry{CheckName: &check.name, ErrorMessage: &check.message})
		}
	}
	out.PolicyValidationPassed = new(len(out.ValidationErrors) == 0)
	return out, nil
}

// toValidate is what a decision about ValidateResourcePolicy is taken on.
func (s *Service) toValidate(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ValidateResourcePolicyInput) (gate.Target, error) {
	if in.SecretId == nil {
		return everything, nil
	}
	t, err := s.target(r, call, *in.SecretId)
	t.Keys = conditions[sm.ValidateResourcePolicyInput]{service: s, reader: r, call: call, target: t.ARN, id: *in.SecretId}.values
	return t, err
}
