// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestSimulationsThatCantBe(t *testing.T) {
	t.Parallel()
	_, c := people(t)
	all := []string{servicetest.Allow("*", "*")}
	for _, x := range []struct {
		name      string
		in        iam.SimulatePrincipalPolicyInput
		code, say string
	}{
		{"a session", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:sts::123456789012:assumed-role/app/x")}, "InvalidInput", "Invalid Entity Arn: arn:aws:sts::123456789012:assumed-role/app/x does not clearly define entity type and name."},
		{"the root", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:root")}, "InvalidInput", "does not clearly define entity type and name."},
		{"nobody's name", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:user/svc/")}, "InvalidInput", "does not clearly define"},
		{"a user who is not there", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:user/bob")}, "NoSuchEntity", "The user with name bob cannot be found."},
		{"a role of another path", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:role/app")}, "NoSuchEntity", "The role with name app cannot be found."},
		{"a group that is not there", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:group/devs")}, "NoSuchEntity", "The group with name devs cannot be found."},
		{"no action", iam.SimulatePrincipalPolicyInput{ActionNames: []string{"GetObject"}}, "InvalidInput", "GetObject"},
		{"a pattern of actions", iam.SimulatePrincipalPolicyInput{ActionNames: []string{"s3:*"}}, "InvalidInput", "s3:*"},
		{"no ARN", iam.SimulatePrincipalPolicyInput{ResourceArns: []string{"14a050d4"}}, "InvalidInput", "ResourceNames are not in a valid ARN format: 14a050d4."},
		{"no policy", iam.SimulatePrincipalPolicyInput{PolicyInputList: []string{all[0], "{}"}}, "InvalidInput", "PolicyInputList.2: Syntax errors in policy."},
		{"two boundaries", iam.SimulatePrincipalPolicyInput{PermissionsBoundaryPolicyInputList: append(all, all...)}, "InvalidInput", "one policy only"},
		{"a policy of a resource without a principal", iam.SimulatePrincipalPolicyInput{ResourcePolicy: &all[0]}, "InvalidInput", "Missing required field Principal"},
		{"a policy of a resource for a role", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:role/svc/app"), ResourcePolicy: &all[0]}, "InvalidInput", "CallerArn is required"},
		{"a role that calls", iam.SimulatePrincipalPolicyInput{CallerArn: new("arn:aws:iam::123456789012:role/svc/app")}, "InvalidInput", "Invalid Entity Arn"},
		{"an owner that is no account", iam.SimulatePrincipalPolicyInput{ResourceOwner: new("me")}, "InvalidInput", "'me' is not a valid as a Resource Owner."},
		{"a number that is none", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumNumeric, "s3:max-keys", "ten")}}, "InvalidInput", "s3:max-keys has a value that is not of the type numeric"},
		{"an address that is none", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumIpList, "aws:SourceIp", "10.0.0.0/8", "10.0.0.256")}}, "InvalidInput", "aws:SourceIp"},
		{"a date that is none", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumDate, "aws:CurrentTime", "today")}}, "InvalidInput", "date"},
		{"bytes that are none", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumBinary, "key:Value", "?")}}, "InvalidInput", "binary"},
		{"a truth that is none", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumBoolean, "aws:SecureTransport", "yes")}}, "InvalidInput", "boolean"},
		{"several values", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumString, "aws:TagKeys", "a", "b")}}, "InvalidInput", "more than one value"},
		{"a key twice", iam.SimulatePrincipalPolicyInput{ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumString, "aws:userid", "a"), entry(types.ContextKeyTypeEnumString, "aws:UserId", "b")}}, "InvalidInput", "Duplicate context key: aws:UserId."},
		{"a marker of nobody's", iam.SimulatePrincipalPolicyInput{Marker: new("x")}, "ValidationError", "Invalid Marker."},
	} {
		if x.in.PolicySourceArn == nil {
			x.in.PolicySourceArn = new(alice)
		}
		if x.in.ActionNames == nil {
			x.in.ActionNames = []string{"s3:GetObject"}
		}
		_, err := c.SimulatePrincipalPolicy(t.Context(), &x.in)
		if fault, ok := errors.AsType[smithy.APIError](err); !ok || fault.ErrorCode() != x.code || !strings.Contains(fault.ErrorMessage(), x.say) {
			t.Errorf("%s: %v, want %s: %s", x.name, err, x.code, x.say)
		}
	}
	bad := []string{`{"Version":"2012-10-17"}`}
	_, custom := c.GetContextKeysForCustomPolicy(t.Context(), &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: bad})
	_, principal := c.GetContextKeysForPrincipalPolicy(t.Context(), &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: new(alice), PolicyInputList: bad})
	for _, err := range []error{custom, principal} {
		if fault, ok := errors.AsType[smithy.APIError](err); !ok || fault.ErrorCode() != "InvalidInput" {
			t.Errorf("keys of no policy: %v", err)
		}
	}
}

// TestWhoMaySimulate holds that a simulation of a principal's policies, which discloses
// them, is allowed on that principal, and is denied with its ARN whether it is there or not.
func TestWhoMaySimulate(t *testing.T) {
	t.Parallel()
	s, _ := people(t)
	c := iam.NewFromConfig(s.Config(s.User("ada", servicetest.Allow(alice, "iam:Simulate*", "iam:GetContextKeys*"))))
	ask := func(source string) error {
		_, err := c.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &source, ActionNames: []string{"s3:GetObject"}})
		return err
	}
	if err := ask(alice); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"arn:aws:iam::123456789012:role/svc/app", "arn:aws:iam::123456789012:user/nobody", "arn:aws:iam::210987654321:user/alice", "arn:aws:iam::123456789012:user/x/alice"} {
		err := ask(other)
		if fault, ok := errors.AsType[smithy.APIError](err); !ok || fault.ErrorCode() != "AccessDenied" || !strings.Contains(fault.ErrorMessage(), "iam:SimulatePrincipalPolicy on resource: "+other) {
			t.Errorf("%s: %v", other, err)
		}
	}
	_, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{PolicyInputList: []string{servicetest.Allow("*", "*")}, ActionNames: []string{"s3:GetObject"}})
	if fault, ok := errors.AsType[smithy.APIError](err); !ok || fault.ErrorCode() != "AccessDenied" {
		t.Errorf("SimulateCustomPolicy: %v", err)
	}
}
