// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Durations of a role's session (STS API Reference, AssumeRole, DurationSeconds).
const (
	roleSession = time.Hour // unless the request says otherwise
	maxChained  = time.Hour // of a role that is assumed with temporary credentials
)

// The permissions beside sts:AssumeRole that it takes to pass tags and a source
// identity. They are no operations (IAM User Guide, "Passing session tags in AWS STS"
// and "Monitor and control actions taken with assumed roles").
const (
	tagSession        = "sts:TagSession"
	setSourceIdentity = "sts:SetSourceIdentity"
)

func (s *Service) bindAssumeRole(g *gate.Gate) {
	gate.Read(g, sts.AssumeRole, gate.Row[sts.AssumeRoleInput]{
		Access: gate.AccessWrite, PerItem: true, Answers: true, Validate: checkAssumeRole,
	}, s.assumeRole)
}

// checkAssumeRole refuses what no role's policy could make right.
func checkAssumeRole(call *gate.Call, in *sts.AssumeRoleInput) *api.Error {
	if err := sts.Service.Validate(in); err != nil {
		return err
	}
	if call.Principal.Type == policy.Root {
		return api.AccessDenied.New("Roles may not be assumed by root accounts.")
	}
	if _, err := arn.Parse(*in.RoleArn); err != nil {
		return api.ValidationError.Newf("%s is invalid", *in.RoleArn)
	}
	if len(in.ProvidedContexts) > 0 {
		return api.ValidationError.New("This server takes no provided contexts.")
	}
	if err := checkMFA(in.SerialNumber, in.TokenCode); err != nil {
		return err
	}
	return passedTo(call, in).check()
}

// checkMFA refuses who shows a second factor, as AWS does when it is none of the
// caller's: nobody has one here.
func checkMFA(serial *string, code secret.Text) *api.Error {
	switch {
	case serial == nil && code.Len() == 0:
		return nil
	case serial == nil || code.Len() == 0:
		return api.AccessDenied.New("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	return api.AccessDenied.New("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
}

// passedTo is what the caller passes to a session of a role, with what it hands on of
// its own.
func passedTo(call *gate.Call, in *sts.AssumeRoleInput) *passed {
	p := &passed{policy: in.Policy, policyARNs: in.PolicyArns, tags: in.Tags, transitive: in.TransitiveTagKeys}
	if session := call.Principal.Session; session != nil && len(session.Transitive) > 0 {
		p.inherited = map[string]string{}
		for _, key := range session.Transitive {
			p.inherited[key] = call.Principal.Tags[key]
		}
	}
	return p
}

func (s *Service) assumeRole(_ context.Context, r kv.Reader, call *gate.Call, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	role, err := s.role(r, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	p, source := passedTo(call, in), sourceIdentity(call, in)
	if err := s.mayAssume(r, call, in, role); err != nil {
		return nil, err
	}
	length, err := roleSeconds(call, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	key, percent, err := s.start(r, call, session{
		identity.NewSession{Session: *in.RoleSessionName, Duration: length, Terms: identity.Terms{SourceIdentity: source}}, role, p,
	})
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{Credentials: credentials(key), AssumedRoleUser: assumed(role, *in.RoleSessionName)}
	if percent > 0 {
		out.PackedPolicySize = &percent
	}
	if source != "" {
		out.SourceIdentity = &source
	}
	return out, nil
}

// role returns the role that an ARN names, or nil.
func (s *Service) role(r kv.Reader, name string) (*identity.Principal, error) {
	a, err := arn.Parse(name)
	rest, isRole := strings.CutPrefix(a.Resource, "role/")
	if err != nil || a.Service != "iam" || !isRole {
		return nil, nil
	}
	p, err := s.directory.Principals.Get(r, a.Account, string(identity.Role), rest[strings.LastIndexByte(rest, '/')+1:])
	if err != nil || p == nil || p.ARN() != name {
		return nil, err
	}
	return p, nil
}

// mayAssume decides whether the caller may assume the role, which may be nil, and pass
// to its session what it does.
func (s *Service) mayAssume(r kv.Reader, call *gate.Call, in *sts.AssumeRoleInput, role *identity.Principal) error {
	c := conditions{passed: passedTo(call, in), session: *in.RoleSessionName, source: sourceIdentity(call, in)}
	if in.ExternalId != nil {
		c.externalID = *in.ExternalId
	}
	target, err := s.roleTarget(r, *in.RoleArn, role, c)
	if err != nil {
		return err
	}
	needed := []string{call.Action()}
	if len(c.passed.tags)+len(c.passed.inherited) > 0 {
		needed = append(needed, tagSession)
	}
	if c.source != "" {
		needed = append(needed, setSourceIdentity)
	}
	for _, action := range needed {
		if err := call.Authorize(action, target); err != nil {
			return err
		}
	}
	if role == nil {
		return errors.New("a role that is not there was to be assumed")
	}
	if session := call.Principal.Session; session != nil && session.SourceIdentity != "" && session.SourceIdentity != c.source {
		refused := policy.Request{Principal: call.Principal.Principal, Action: setSourceIdentity, Resource: target.ARN}
		return api.AccessDenied.New(refused.Refusal())
	}
	return nil
}

// sourceIdentity is what the request says, or else what the caller has: once there is
// one it stays.
func sourceIdentity(call *gate.Call, in *sts.AssumeRoleInput) string {
	switch {
	case in.SourceIdentity != nil:
		return *in.SourceIdentity
	case call.Principal.Session != nil:
		return call.Principal.Session.SourceIdentity
	}
	return ""
}

// roleTarget is a role for a decision. One that does not exist, whose role is nil, lets
// nobody in and says no more than one that does.
func (s *Service) roleTarget(r kv.Reader, name string, role *identity.Principal, c conditions) (gate.Target, error) {
	t := gate.Target{ARN: name, Type: "AWS::IAM::Role", Exclusive: true, Unexplained: true}
	if role != nil {
		var err error
		if t.Policy, err = s.directory.Trust(r, role); err != nil {
			return t, err
		}
		c.tags = role.Tags
	}
	t.Keys = c.values
	return t, nil
}

// roleSeconds is how long a session of the role lasts that is asked for.
func roleSeconds(call *gate.Call, role *identity.Principal, asked *int32) (time.Duration, error) {
	length := seconds(asked, roleSession)
	switch {
	case call.Principal.Session != nil && length > maxChained:
		return 0, api.ValidationError.New("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case length > role.SessionLimit():
		return 0, api.ValidationError.New("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return length, nil
}

// assumed is a session of a role as answers name it.
func assumed(role *identity.Principal, session string) *sts.AssumedRoleUser {
	name := arn.ARN{Partition: "aws", Service: "sts", Account: role.Account, Resource: "assumed-role/" + role.Name + "/" + session}
	return &sts.AssumedRoleUser{Arn: new(name.String()), AssumedRoleId: new(role.ID + ":" + session)}
}
