// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// providerResource begins the resource of a provider's ARN, before its URL.
const providerResource = "oidc-provider/"

// Provider is the record of an OpenID Connect provider whose tokens the roles of an
// account may trust.
type Provider struct {
	Account string
	// URL is the issuer without its scheme, which is https, and without a slash at the
	// end: token.actions.githubusercontent.com.
	URL     string
	Created time.Time
	// ClientIDs are the audiences that tokens may be for, in the order in which they were
	// added.
	ClientIDs []string `json:",omitzero"`
	// Thumbprints are SHA-1 hashes of certificates of the issuer's, in hexadecimal. They
	// are kept for those who ask for them: who the issuer is, the server's trusted
	// authorities say.
	Thumbprints []string          `json:",omitzero"`
	Tags        map[string]string `json:",omitzero"`
}

// ARN is the provider's name, by which trust policies name it as a Federated principal.
func (p *Provider) ARN() string {
	return arn.ARN{Partition: "aws", Service: "iam", Account: p.Account, Resource: providerResource + p.URL}.String()
}

// Provider returns the OpenID Connect provider that an ARN names, or nil when it names
// none that there is.
func (d *Directory) Provider(r kv.Reader, name string) (*Provider, error) {
	a, err := arn.Parse(name)
	url, ok := strings.CutPrefix(a.Resource, providerResource)
	if err != nil || a.Service != "iam" || !ok || url == "" {
		return nil, nil
	}
	p, err := d.Providers.Get(r, a.Account, url)
	if err != nil || p == nil || p.ARN() != name {
		return nil, err
	}
	return p, nil
}
