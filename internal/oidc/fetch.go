// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// Bounds of what an issuer answers, in bytes. A set with 200 keys of 4096 bits and no
// certificates has about 160 KiB.
const (
	maxDiscovery = 64 << 10
	maxKeySet    = 256 << 10
	maxHeader    = 32 << 10
)

// discoveryPath is where the discovery document is, below the issuer's URL (OpenID Connect
// Discovery 1.0, section 4).
const discoveryPath = "/.well-known/openid-configuration"

// fetch returns the issuer's keys.
func (v *Verifier) fetch(ctx context.Context, issuer string) (map[string][]*key, error) {
	if err := CheckURL(issuer); err != nil {
		return nil, err
	}
	raw, err := v.get(ctx, strings.TrimSuffix(issuer, "/")+discoveryPath, maxDiscovery)
	if err != nil {
		return nil, fmt.Errorf("discovery document: %w", err)
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, errors.New("discovery document: not the JSON that it should be")
	}
	if document.Issuer != issuer {
		return nil, errors.New("discovery document: it is of another issuer")
	}
	if err := checkKeysURL(document.Keys, issuer); err != nil {
		return nil, err
	}
	if raw, err = v.get(ctx, document.Keys, maxKeySet); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return nil, errors.New("keys: not the JSON that they should be")
	}
	return keys, nil
}

func (v *Verifier) get(ctx context.Context, url string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer has the status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return body, err
}

// CheckURL reports whether tokens of an issuer with that URL can be verified: it is HTTPS,
// or names this machine, and has no query, fragment or user.
func CheckURL(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#") {
		return errors.New("the issuer's URL is not one of an issuer")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return errors.New("the issuer's URL is not HTTPS")
	}
	return nil
}

// checkKeysURL refuses keys that would travel less safely than the issuer's own document.
func checkKeysURL(keys, issuer string) error {
	u, err := url.Parse(keys)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("discovery document: jwks_uri is no URL")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname()) || !strings.HasPrefix(issuer, "http:")) {
		return errors.New("discovery document: jwks_uri is not HTTPS")
	}
	return nil
}

// isLoopback reports whether a URL's host says of itself that it is this machine.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
