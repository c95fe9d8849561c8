// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"net/netip"
	"testing"
)

func TestGuardAllowsWhatIsPublic(t *testing.T) {
	t.Parallel()
	g := guard{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}
	for addr, open := range map[string]bool{
		"140.82.121.3": true, "2606:50c0:8000::153": true, "10.1.2.3": true, "fd00:1::1": true, "::ffff:10.1.2.3": true,
		"10.2.0.1": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "fd00:2::1": false,
		"::ffff:169.254.169.254": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "0.0.0.0": false, "::": false,
		"100.64.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "ff02::1": false, "fe80::1%eth0": false,
	} {
		if got := g.allows(netip.MustParseAddr(addr)); got != open {
			t.Errorf("%s: allowed %v", addr, got)
		}
	}
}
