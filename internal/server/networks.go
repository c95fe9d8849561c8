// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/gate"
)

// networks reads a setting that is a list of networks.
func networks(setting, list string) (all []netip.Prefix, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: networks such as 10.0.0.0/8, with commas between", setting, list)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// headerName is what names of headers look like, but for characters that nobody uses.
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// endpoints says whose word is taken for the endpoint of a call.
func (c *Config) endpoints() (gate.Endpoints, error) {
	proxies, err := networks("trusted-proxies", c.TrustedProxies)
	switch {
	case err != nil:
		return gate.Endpoints{}, err
	case (c.EndpointHeader == "") != (proxies == nil):
		return gate.Endpoints{}, errors.New("endpoint-header and trusted-proxies belong together: the header is believed of those proxies only")
	case c.EndpointHeader != "" && !headerName.MatchString(c.EndpointHeader):
		return gate.Endpoints{}, fmt.Errorf("endpoint-header %q: the name of a header, such as X-Vpc-Endpoint", c.EndpointHeader)
	}
	return gate.Endpoints{Header: c.EndpointHeader, Proxies: proxies}, nil
}
