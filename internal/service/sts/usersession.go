// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Durations of the sessions of users (STS API Reference, GetSessionToken and
// GetFederationToken, DurationSeconds).
const (
	userSession = 12 * time.Hour // unless the request says otherwise
	rootSession = time.Hour      // whatever the request says: a root's lasts no longer
)

func (s *Service) bindUserSessions(g *gate.Gate) {
	gate.Read(g, sts.GetSessionToken, gate.Row[sts.GetSessionTokenInput]{
		Access: gate.AccessRead, Open: true, Answers: true,
		Validate: func(_ *gate.Call, in *sts.GetSessionTokenInput) *api.Error {
			if err := sts.Service.Validate(in); err != nil {
				return err
			}
			return checkMFA(in.SerialNumber, in.TokenCode)
		},
	}, s.getSessionToken)
	gate.Read(g, sts.GetFederationToken, gate.Row[sts.GetFederationTokenInput]{
		Access: gate.AccessRead, PerItem: true, Answers: true,
		Validate: func(_ *gate.Call, in *sts.GetFederationTokenInput) *api.Error {
			if err := sts.Service.Validate(in); err != nil {
				return err
			}
			return federated(in).check()
		},
	}, s.getFederationToken)
}

// getSessionToken needs no permission, and can't be forbidden (STS API Reference,
// GetSessionToken).
func (s *Service) getSessionToken(_ context.Context, r kv.Reader, call *gate.Call, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	caller, err := s.caller(r, call)
	if err != nil {
		return nil, err
	}
	key, err := s.directory.StartSession(caller, identity.NewSession{Duration: userSeconds(caller, in.DurationSeconds)}, call.Time)
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials(key)}, nil
}

// getFederationToken is decided on the federated user that it makes.
func (s *Service) getFederationToken(_ context.Context, r kv.Reader, call *gate.Call, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	p := federated(in)
	name := arn.ARN{Partition: "aws", Service: "sts", Account: call.Account, Resource: "federated-user/" + *in.Name}.String()
	target := gate.Target{ARN: name, Keys: conditions{passed: p}.values}
	if err := call.Authorize(call.Action(), target); err != nil {
		return nil, err
	}
	if len(p.tags) > 0 {
		if err := call.Authorize(tagSession, target); err != nil {
			return nil, err
		}
	}
	caller, err := s.caller(r, call)
	if err != nil {
		return nil, err
	}
	key, percent, err := s.start(r, call, session{
		identity.NewSession{Duration: userSeconds(caller, in.DurationSeconds), Terms: identity.Terms{Federated: *in.Name}}, caller, p,
	})
	if err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{
		Credentials:      credentials(key),
		FederatedUser:    &sts.FederatedUser{Arn: &name, FederatedUserId: new(caller.Account + ":" + *in.Name)},
		PackedPolicySize: &percent,
	}, nil
}

func federated(in *sts.GetFederationTokenInput) *passed {
	return &passed{policy: in.Policy, policyARNs: in.PolicyArns, tags: in.Tags}
}

// caller returns the record of the user or the root who calls. GuardSTS lets nobody else
// come here.
func (s *Service) caller(r kv.Reader, call *gate.Call) (*identity.Principal, error) {
	kind, name := identity.User, call.Principal.UserName
	if call.Principal.Type == policy.Root {
		kind, name = identity.Root, string(identity.Root)
	}
	p, err := s.directory.Principals.Get(r, call.Account, string(kind), name)
	if err == nil && p == nil {
		err = errors.New("the caller is neither a user nor the root")
	}
	return p, err
}

// userSeconds is how long a session of a user or the root lasts that is asked for.
func userSeconds(of *identity.Principal, asked *int32) time.Duration {
	if of.Kind == identity.Root {
		return min(seconds(asked, rootSession), rootSession)
	}
	return seconds(asked, userSession)
}
