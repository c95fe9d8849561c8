// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// bindAbsent binds the operations on what users have in AWS and not here, which tools ask
// for before they delete a user: passwords, second factors, keys and certificates of other
// services. There are none, of whichever user there is.
func (s *Service) bindAbsent(g *gate.Gate) {
	gate.Read(g, iam.ListVirtualMFADevices, gate.Row[iam.ListVirtualMFADevicesInput]{
		Access: gate.AccessList, Targets: onAll(mfaNoun, func(*iam.ListVirtualMFADevicesInput) *string { return nil }),
	}, noDevices)
	bindAbsentList(s, g, iam.ListMFADevices, func(in *iam.ListMFADevicesInput) (*string, *string) { return in.UserName, in.Marker },
		iam.ListMFADevicesOutput{MFADevices: []iam.MFADevice{}, IsTruncated: new(false)})
	bindAbsentList(s, g, iam.ListSSHPublicKeys, func(in *iam.ListSSHPublicKeysInput) (*string, *string) { return in.UserName, in.Marker },
		iam.ListSSHPublicKeysOutput{SSHPublicKeys: []iam.SSHPublicKeyMetadata{}, IsTruncated: new(false)})
	bindAbsentList(s, g, iam.ListSigningCertificates, func(in *iam.ListSigningCertificatesInput) (*string, *string) { return in.UserName, in.Marker },
		iam.ListSigningCertificatesOutput{Certificates: []iam.SigningCertificate{}, IsTruncated: new(false)})
	bindAbsentList(s, g, iam.ListServiceSpecificCredentials, func(in *iam.ListServiceSpecificCredentialsInput) (*string, *string) { return in.UserName, in.Marker },
		iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []iam.ServiceSpecificCredentialMetadata{}, IsTruncated: new(false)})

	gate.Read(g, iam.GetLoginProfile, gate.Row[iam.GetLoginProfileInput]{
		Access: gate.AccessList, Targets: onUser(s, func(in *iam.GetLoginProfileInput) *string { return in.UserName }),
	}, func(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
		return nil, s.noProfile(r, call, in.UserName)
	})
	gate.Write(g, iam.DeleteLoginProfile, gate.Row[iam.DeleteLoginProfileInput]{
		Access: gate.AccessWrite, Targets: onUser(s, func(in *iam.DeleteLoginProfileInput) *string { return in.UserName }),
	}, func(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
		return nil, s.noProfile(tx, call, in.UserName)
	})
}

// bindAbsentList binds an operation that lists what a user has none of.
func bindAbsentList[In, Out any](s *Service, g *gate.Gate, op api.Op[In, Out], read func(*In) (user, marker *string), none Out) {
	gate.Read(g, op, gate.Row[In]{
		Access: gate.AccessList, Targets: onUser(s, func(in *In) *string { user, _ := read(in); return user }),
	}, func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (*Out, error) {
		user, marker := read(in)
		if marker != nil {
			return nil, errMarker
		}
		_, err := s.user(r, call, user)
		return &none, err
	})
}

func noDevices(_ context.Context, _ kv.Reader, _ *gate.Call, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	if in.Marker != nil {
		return nil, errMarker
	}
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []iam.VirtualMFADevice{}, IsTruncated: new(false)}, nil
}

// noProfile answers that a user has no password.
func (s *Service) noProfile(r kv.Reader, call *gate.Call, name *string) error {
	p, err := s.user(r, call, name)
	if err != nil {
		return err
	}
	return iam.NoSuchEntityException.Newf("Login Profile for User %s cannot be found.", p.Name)
}
