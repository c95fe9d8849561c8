// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/coffer-secrets/coffer/internal/oidc"
)

// verifier returns what verifies the tokens of OpenID Connect issuers.
func (s *Server) verifier() (*oidc.Verifier, error) {
	near, err := networks("oidc-networks", s.Config.OIDCNetworks)
	if err != nil {
		return nil, err
	}
	roots, err := authorities(s.Config.OIDCAuthorities)
	if err != nil {
		return nil, fmt.Errorf("oidc-ca-file: %w", err)
	}
	return oidc.New(oidc.Config{Networks: near, Roots: roots, Now: s.now}), nil
}

// authorities returns the system's certificate authorities and those of a file, or nil,
// which means the system's, without one.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("it has no certificates in PEM")
	}
	return pool, nil
}
