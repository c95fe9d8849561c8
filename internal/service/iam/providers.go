// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// https begins the URL of an issuer, and http that of one on this machine: see
// oidc.CheckURL.
const https, http = "https://", "http://"

func (s *Service) bindProviders(g *gate.Gate) {
	gate.Write(g, iam.CreateOpenIDConnectProvider,
		gate.Row[iam.CreateOpenIDConnectProviderInput]{Access: gate.AccessWrite, Targets: on(newProvider)}, s.createProvider)
	gate.Read(g, iam.GetOpenIDConnectProvider,
		ofProvider(s, gate.AccessRead, func(in *iam.GetOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.getProvider)
	gate.Read(g, iam.ListOpenIDConnectProviders,
		gate.Row[iam.ListOpenIDConnectProvidersInput]{
			Access: gate.AccessList, Targets: onAll(providerNoun, func(*iam.ListOpenIDConnectProvidersInput) *string { return new("/*") }),
		}, s.listProviders)
	gate.Write(g, iam.DeleteOpenIDConnectProvider,
		ofProvider(s, gate.AccessWrite, func(in *iam.DeleteOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.deleteProvider)
	gate.Write(g, iam.AddClientIDToOpenIDConnectProvider,
		ofProvider(s, gate.AccessWrite, func(in *iam.AddClientIDToOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.addClientID)
	gate.Write(g, iam.RemoveClientIDFromOpenIDConnectProvider,
		ofProvider(s, gate.AccessWrite, func(in *iam.RemoveClientIDFromOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.removeClientID)
	gate.Write(g, iam.UpdateOpenIDConnectProviderThumbprint,
		ofProvider(s, gate.AccessWrite, func(in *iam.UpdateOpenIDConnectProviderThumbprintInput) *string { return in.OpenIDConnectProviderArn }), s.setThumbprints)
}

// ofProvider is the row of an operation on the provider whose ARN a request has.
func ofProvider[In any](s *Service, access gate.Access, name func(*In) *string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return s.providerTarget(r, call, *name(in), conditions{})
	})}
}

// providerTarget is the target of a call about a provider, there or not.
func (s *Service) providerTarget(r kv.Reader, call *gate.Call, name string, c conditions) (gate.Target, error) {
	p, err := s.provider(r, call, name)
	if err != nil {
		return gate.Target{}, err
	}
	if p != nil {
		c.tags = p.Tags
	}
	return gate.Target{ARN: name, Type: recordType[providerNoun], Keys: c.values}, nil
}

// newProvider is what a decision about CreateOpenIDConnectProvider is taken on.
func newProvider(_ kv.Reader, call *gate.Call, in *iam.CreateOpenIDConnectProviderInput) (gate.Target, error) {
	return entity(call, providerNoun, "/"+providerURL(*in.Url), conditions{asked: in.Tags}), nil
}

// providerURL is an issuer's URL as the provider has it.
func providerURL(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(url, https), http), "/")
}

// provider returns the account's provider with that ARN, or nil.
func (s *Service) provider(r kv.Reader, call *gate.Call, name string) (*identity.Provider, error) {
	p, err := s.directory.Provider(r, name)
	if err != nil || p == nil || p.Account != call.Account {
		return nil, err
	}
	return p, nil
}

// mustProvider is provider, with NoSuchEntity for one that is not there.
func (s *Service) mustProvider(r kv.Reader, call *gate.Call, name string) (*identity.Provider, error) {
	p, err := s.provider(r, call, name)
	if err == nil && p == nil {
		err = iam.NoSuchEntityException.Newf("OpenIDConnect Provider not found for arn %s", name)
	}
	return p, err
}
