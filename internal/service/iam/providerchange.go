// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// maxThumbprints is how many thumbprints a provider has (IAM API Reference,
// CreateOpenIDConnectProvider).
const maxThumbprints = 5

// checkIssuer refuses a URL that is not an issuer's, in AWS's words. A port is no fault
// here: AWS refuses one, but issuers beside a server of one's own have them.
func checkIssuer(url string) error {
	switch err := oidc.CheckURL(url); {
	case !strings.Contains(url, "://"):
		return api.ValidationError.New("Invalid Open ID Connect Provider URL")
	case err != nil && !strings.HasPrefix(url, https):
		return iam.InvalidInputException.New("Invalid Open ID Connect Provider URL. The URL must begin with https://.")
	case err != nil:
		return iam.InvalidInputException.New("Invalid Open ID Connect Provider URL.")
	}
	return nil
}

// checkThumbprints returns thumbprints as they are kept, in lower case.
func checkThumbprints(list []string) ([]string, error) {
	if len(list) > maxThumbprints {
		return nil, iam.InvalidInputException.Newf("Thumbprint list must contain fewer than %d entries.", maxThumbprints)
	}
	out := make([]string, len(list))
	for i, thumbprint := range list {
		out[i] = strings.ToLower(thumbprint)
		if strings.Trim(out[i], "0123456789abcdef") != "" {
			return nil, iam.InvalidInputException.New("Thumbprint must be hexadecimal.")
		}
	}
	return out, nil
}

func (s *Service) createProvider(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	target, _ := newProvider(tx, call, in)
	if err := mayTag(call, iam.TagOpenIDConnectProvider.Action(), target, in.Tags); err != nil {
		return nil, err
	}
	if err := checkIssuer(*in.Url); err != nil {
		return nil, err
	}
	p := &identity.Provider{Account: call.Account, URL: providerURL(*in.Url), Created: call.Time.UTC()}
	var err error
	if p.Thumbprints, err = checkThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	if p.Tags, err = newExactTags(in.Tags); err != nil {
		return nil, err
	}
	for _, id := range in.ClientIDList {
		if err := addClient(p, id); err != nil {
			return nil, err
		}
	}
	count, taken, err := named(s.directory.Providers.All(tx, "", call.Account), p.URL)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, iam.EntityAlreadyExistsException.Newf("Provider with url %s already exists.", *in.Url)
	}
	if err := providersQuota.room(count); err != nil {
		return nil, err
	}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: new(p.ARN()), Tags: showTags(p.Tags)}, s.putProvider(tx, p)
}

func (s *Service) putProvider(tx kv.Tx, p *identity.Provider) error {
	return s.directory.Providers.Put(tx, p, p.Account, p.URL)
}

// addClient adds an audience that the provider has not.
func addClient(p *identity.Provider, id string) error {
	if slices.Contains(p.ClientIDs, id) {
		return nil
	}
	if err := clientIDsQuota.room(len(p.ClientIDs)); err != nil {
		return err
	}
	p.ClientIDs = append(p.ClientIDs, id)
	return nil
}

func (s *Service) getProvider(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := s.mustProvider(r, call, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: &p.URL, ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints, CreateDate: new(api.NewTime(p.Created)), Tags: showTags(p.Tags),
	}, nil
}

func (s *Service) listProviders(_ context.Context, r kv.Reader, call *gate.Call, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []iam.OpenIDConnectProviderListEntry{}}
	for item, err := range s.directory.Providers.All(r, "", call.Account) {
		if err != nil {
			return nil, err
		}
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, iam.OpenIDConnectProviderListEntry{Arn: new(item.Value.ARN())})
	}
	return out, nil
}

// deleteProvider succeeds for a provider that is not there. Roles that trust it stay as
// they are, and nobody can assume them by it (IAM API Reference,
// DeleteOpenIDConnectProvider).
func (s *Service) deleteProvider(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	p, err := s.provider(tx, call, *in.OpenIDConnectProviderArn)
	if err == nil && p != nil {
		err = s.directory.Providers.Delete(tx, p.Account, p.URL)
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, err
}

// changeProvider gives a provider other contents.
func (s *Service) changeProvider(tx kv.Tx, call *gate.Call, name string, change func(*identity.Provider) error) error {
	p, err := s.mustProvider(tx, call, name)
	if err != nil {
		return err
	}
	changed := *p
	changed.ClientIDs = slices.Clone(p.ClientIDs)
	if err := change(&changed); err != nil {
		return err
	}
	return s.putProvider(tx, &changed)
}

// addClientID succeeds for one that the provider has.
func (s *Service) addClientID(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, s.changeProvider(tx, call, *in.OpenIDConnectProviderArn, func(p *identity.Provider) error {
		return addClient(p, *in.ClientID)
	})
}

// removeClientID succeeds for one that the provider has not.
func (s *Service) removeClientID(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, s.changeProvider(tx, call, *in.OpenIDConnectProviderArn, func(p *identity.Provider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == *in.ClientID })
		return nil
	})
}

// setThumbprints replaces all thumbprints.
func (s *Service) setThumbprints(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, s.changeProvider(tx, call, *in.OpenIDConnectProviderArn, func(p *identity.Provider) (err error) {
		p.Thumbprints, err = checkThumbprints(in.ThumbprintList)
		return err
	})
}
