// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/schedule"
)

// actionInvoke is what a caller needs for a function that is to rotate a secret (API
// Reference, RotateSecret).
const actionInvoke = "lambda:InvokeFunction"

var (
	errNoFunction = sm.InvalidRequestException.New("No Lambda rotation function ARN is associated with this secret.")
	errIncomplete = sm.InvalidRequestException.New("A previous rotation isn't complete. That rotation will be reattempted.")
	errNoInvoke   = api.AccessDeniedException.New("Secrets Manager cannot invoke the specified Lambda function. " +
		"Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	errNoPartner = api.NotImplemented.New("This version of Coffer does not rotate managed external secrets by itself: " +
		"give a RotationLambdaARN, of a function that does.")
	errNotExternal = sm.InvalidParameterException.New("You can't specify ExternalSecretRotationMetadata or ExternalSecretRotationRoleArn " +
		"for a secret that isn't a managed external secret.")
)

// rotate configures a secret's rotation, and begins one, or a test of the function. What
// the function does comes afterwards, by a job.
func (s *Service) rotate(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.RotateSecretInput) (*sm.RotateSecretOutput, error) {
	if in.ClientRequestToken == nil {
		return nil, errNoToken
	}
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &sm.RotateSecretOutput{ARN: &secret.ARN, Name: &secret.Name, VersionId: in.ClientRequestToken}
	if secret.Rotation == nil {
		secret.Rotation = &Rotation{}
	}
	if secret.Rotation.Token == *in.ClientRequestToken {
		return out, nil // the same request, once more
	}
	if err := s.unused(tx, version{secret, *in.ClientRequestToken}); err != nil {
		return nil, err
	}
	secret.finish(call)
	if _, held := secret.Versions.pending(); held {
		return nil, errIncomplete
	}
	if err := s.configure(call, secret, in); err != nil {
		return nil, err
	}
	run := Run{Token: *in.ClientRequestToken, Test: !is(in.RotateImmediately, true)}
	if err := secret.begin(tx, call, run); err != nil {
		return nil, err
	}
	return out, s.save(tx, call, secret)
}

// unused refuses a token that is a version's id.
func (s *Service) unused(r kv.Reader, v version) error {
	_, labelled := v.secret.Versions[v.id]
	if !labelled {
		if value, err := s.load(r, v); err != nil || value == nil {
			return err
		}
	}
	return sm.InvalidRequestException.Newf(
		"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", v.id, v.secret.ARN)
}

// configure turns rotation on, as the request has it. What it leaves out stays.
func (s *Service) configure(call *gate.Call, secret *Secret, in *sm.RotateSecretInput) error {
	r := secret.Rotation
	rules, err := rulesIn(in.RotationRules)
	if err != nil {
		return err
	}
	if arn := value(in.RotationLambdaARN); arn != "" {
		r.Function = arn
	}
	if err := s.invocable(call, secret); err != nil {
		return err
	}
	if err := r.setExternal(secret, in); err != nil {
		return err
	}
	now := call.Time.UTC()
	if r.Counted.IsZero() {
		r.Counted = now
	}
	if rules != (RotationRules{}) {
		r.Rules = rules
	}
	if rules != (RotationRules{}) || !r.Enabled {
		r.Enabled, r.Since = true, now
	}
	return nil
}

// invocable refuses a secret without a function, or with one that the caller may not have
// run, or that this server does not know.
func (s *Service) invocable(call *gate.Call, secret *Secret) error {
	function := secret.Rotation.Function
	switch {
	case function == "" && secret.Type != "":
		return errNoPartner
	case function == "":
		return errNoFunction
	}
	if err := call.Authorize(actionInvoke, gate.Target{ARN: function}); err != nil {
		return err
	}
	if s.functions == nil || !s.functions.Known(function) {
		return errNoInvoke
	}
	return nil
}

// setExternal keeps what is for the partner of a managed external secret. The function finds
// it in DescribeSecret.
func (r *Rotation) setExternal(secret *Secret, in *sm.RotateSecretInput) error {
	if in.ExternalSecretRotationMetadata == nil && in.ExternalSecretRotationRoleArn == nil {
		return nil
	}
	if secret.Type == "" {
		return errNotExternal
	}
	if in.ExternalSecretRotationRoleArn != nil {
		r.ExternalRole = *in.ExternalSecretRotationRoleArn
	}
	if in.ExternalSecretRotationMetadata == nil {
		return nil
	}
	if len(in.ExternalSecretRotationMetadata) > maxExternal {
		return sm.InvalidParameterException.Newf("You can't specify more than %d items of ExternalSecretRotationMetadata.", maxExternal)
	}
	r.External = nil
	for _, item := range in.ExternalSecretRotationMetadata {
		r.External = append(r.External, External{value(item.Key), value(item.Value)})
	}
	return nil
}

// maxExternal bounds the items of a secret's rotation metadata, which have no bound in AWS's
// model, so that the head stays small.
const maxExternal = 25

// rulesIn reads rules. None are no change.
func rulesIn(in *sm.RotationRulesType) (RotationRules, error) {
	if in == nil {
		return RotationRules{}, nil
	}
	rules := RotationRules{Expression: value(in.ScheduleExpression), Duration: value(in.Duration)}
	if in.AutomaticallyAfterDays != nil {
		rules.Days = *in.AutomaticallyAfterDays
	}
	if _, err := schedule.Parse(rules.Days, rules.Expression, rules.Duration); err != nil {
		return RotationRules{}, sm.InvalidParameterException.New(err.Error())
	}
	return rules, nil
}

// cancelRotation turns rotation off, and has nobody go on with one that is under way. Its
// version keeps AWSPENDING, as AWS warns.
func (s *Service) cancelRotation(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.CancelRotateSecretInput) (*sm.CancelRotateSecretOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if secret.Rotation != nil {
		secret.finish(call)
		secret.drop()
		secret.Rotation.Enabled = false
		if err := s.save(tx, call, secret); err != nil {
			return nil, err
		}
	}
	out := &sm.CancelRotateSecretOutput{ARN: &secret.ARN, Name: &secret.Name}
	if id, held := secret.Versions.pending(); held {
		out.VersionId = &id
	}
	return out, nil
}

// askedRotate has the condition keys of RotateSecret.
func askedRotate(in *sm.RotateSecretInput, key string) ([]string, bool) {
	switch key {
	case "secretsmanager:rotationlambdaarn":
		return optional(in.RotationLambdaARN)
	case "secretsmanager:externalsecretrotationrolearn":
		return optional(in.ExternalSecretRotationRoleArn)
	case "secretsmanager:modifyrotationrules":
		return flag(new(in.RotationRules != nil))
	case "secretsmanager:rotateimmediately":
		return flag(new(is(in.RotateImmediately, true)))
	}
	return nil, false
}
