// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

var (
	errTooManyVersions = iam.LimitExceededException.Newf("A managed policy can have up to %d versions. "+
		"Before you create a new version, you must delete an existing version.", policyVersionsQuota.most)
	errDefaultVersion = iam.DeleteConflictException.New("Cannot delete the default version of a policy.")
)

// bindVersions binds the operations on versions of managed policies.
func (s *Service) bindVersions(g *gate.Gate) {
	gate.Write(g, iam.CreatePolicyVersion, onPolicy(s, gate.AccessPermissions, func(in *iam.CreatePolicyVersionInput) *string { return in.PolicyArn }), s.createPolicyVersion)
	gate.Read(g, iam.GetPolicyVersion, onPolicy(s, gate.AccessRead, func(in *iam.GetPolicyVersionInput) *string { return in.PolicyArn }), s.getPolicyVersion)
	gate.Read(g, iam.ListPolicyVersions, onPolicy(s, gate.AccessList, func(in *iam.ListPolicyVersionsInput) *string { return in.PolicyArn }), s.listPolicyVersions)
	gate.Write(g, iam.DeletePolicyVersion, onPolicy(s, gate.AccessPermissions, func(in *iam.DeletePolicyVersionInput) *string { return in.PolicyArn }), s.deletePolicyVersion)
	gate.Write(g, iam.SetDefaultPolicyVersion, onPolicy(s, gate.AccessPermissions, func(in *iam.SetDefaultPolicyVersionInput) *string { return in.PolicyArn }), s.setDefaultPolicyVersion)
}

func noSuchVersion(arn, id string) error {
	return iam.NoSuchEntityException.Newf("Policy %s version %s does not exist or is not attachable.", arn, id)
}

func (s *Service) createPolicyVersion(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	p, err := s.ownPolicy(tx, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	if len(p.Versions) >= policyVersionsQuota.most {
		return nil, errTooManyVersions
	}
	p.Last++
	p.Updated = call.Time.UTC()
	v := identity.PolicyVersion{ID: "v" + strconv.Itoa(p.Last), Document: *in.PolicyDocument, Created: p.Updated}
	p.Versions = append(slices.Clone(p.Versions), v)
	if in.SetAsDefault != nil && *in.SetAsDefault {
		p.Default = v.ID
	}
	return &iam.CreatePolicyVersionOutput{PolicyVersion: new(showVersion(p, v))}, s.putPolicy(tx, p)
}

func (s *Service) getPolicyVersion(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := s.readablePolicy(r, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v := p.Version(*in.VersionId)
	if v == nil {
		return nil, noSuchVersion(*in.PolicyArn, *in.VersionId)
	}
	shown := showVersion(p, *v)
	shown.Document = shownDocument(v.Document)
	return &iam.GetPolicyVersionOutput{PolicyVersion: &shown}, nil
}

// listPolicyVersions begins with the newest.
func (s *Service) listPolicyVersions(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := s.readablePolicy(r, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(p.Versions)
	slices.Reverse(newest)
	page, err := paged(call, asked{in.Marker, in.MaxItems, []string{*in.PolicyArn}}, values(newest), func(v identity.PolicyVersion) string {
		number, _ := strconv.Atoi(v.ID[1:])
		return fmt.Sprintf("%020d", p.Last-number)
	})
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsOutput{
		Versions:    shown(page, func(v identity.PolicyVersion) iam.PolicyVersion { return showVersion(p, v) }),
		IsTruncated: page.truncated, Marker: page.marker,
	}, nil
}

func (s *Service) deletePolicyVersion(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	p, err := s.ownPolicy(tx, call, *in.PolicyArn)
	switch {
	case err != nil:
		return nil, err
	case p.Version(*in.VersionId) == nil:
		return nil, noSuchVersion(*in.PolicyArn, *in.VersionId)
	case p.Default == *in.VersionId:
		return nil, errDefaultVersion
	}
	p.Versions = slices.DeleteFunc(slices.Clone(p.Versions), func(v identity.PolicyVersion) bool { return v.ID == *in.VersionId })
	return &iam.DeletePolicyVersionOutput{}, s.putPolicy(tx, p)
}

func (s *Service) setDefaultPolicyVersion(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	p, err := s.ownPolicy(tx, call, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if p.Version(*in.VersionId) == nil {
		return nil, noSuchVersion(*in.PolicyArn, *in.VersionId)
	}
	p.Default = *in.VersionId
	return &iam.SetDefaultPolicyVersionOutput{}, s.putPolicy(tx, p)
}

// showVersion is a version as all answers have it: the document is in one alone.
func showVersion(p *identity.ManagedPolicy, v identity.PolicyVersion) iam.PolicyVersion {
	return iam.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: new(v.ID == p.Default), CreateDate: new(api.NewTime(v.Created))}
}
