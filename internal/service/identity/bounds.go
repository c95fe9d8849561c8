// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// What temporary credentials are for, whatever policies say (IAM User Guide, "Compare
// AWS STS credentials"): those of GetSessionToken and GetFederationToken can't call IAM,
// as nobody here has a second factor, and little of STS; those of a role can't have
// credentials of a user made.

// GuardIAM is the gate.Guard of IAM. AWS doesn't know such credentials there.
func GuardIAM(call *gate.Call) error {
	if !ofUser(call.Principal) {
		return nil
	}
	answer := sigv4.InvalidToken.Err().Query()
	return api.ErrorCode{Code: answer.Code, Status: answer.Status}.New(answer.Message)
}

// GuardSTS is the gate.Guard of STS.
func GuardSTS(call *gate.Call) error {
	operation := call.Operation()
	mayCall := true
	switch p := call.Principal; {
	case operation == sts.GetCallerIdentity.Name || p == nil || p.Session == nil:
	case p.Type == policy.FederatedUser:
		mayCall = false
	case ofUser(p):
		mayCall = operation == sts.AssumeRole.Name
	default:
		mayCall = operation != sts.GetSessionToken.Name && operation != sts.GetFederationToken.Name
	}
	if mayCall {
		return nil
	}
	return api.AccessDenied.Newf("Cannot call %s with session credentials", operation)
}

// ofUser reports whether somebody calls with temporary credentials of a user or the
// root, or as a federated user.
func ofUser(p *gate.Principal) bool {
	return p != nil && p.Session != nil && p.Type != policy.AssumedRole
}
