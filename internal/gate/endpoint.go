// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Endpoints says whose word is taken for the endpoint that a call came through:
// aws:SourceVpce. The zero Endpoints take nobody's.
type Endpoints struct {
	// Header is the one in which a proxy names the endpoint. It sets the header on every
	// request, in the place of whatever the client sent.
	Header string
	// Proxies are the networks that such proxies call from. What comes from elsewhere has
	// no endpoint.
	Proxies []netip.Prefix
}

// maxEndpoint is the longest name of an endpoint, in bytes. AWS's have 22.
const maxEndpoint = 64

// of returns the endpoint that a request came through, or nothing.
func (e *Endpoints) of(req *http.Request, from netip.Addr) string {
	if e.Header == "" || !slices.ContainsFunc(e.Proxies, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return ""
	}
	values := req.Header.Values(e.Header)
	if len(values) != 1 || len(values[0]) > maxEndpoint || strings.Trim(values[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
		return ""
	}
	return values[0]
}

// sourceEndpoint is the endpoint that the caller's own calls came through.
func (c *Call) sourceEndpoint() ([]string, bool) {
	if c.Via != "" {
		return nil, false
	}
	return oneUnlessEmpty(c.Endpoint)
}
