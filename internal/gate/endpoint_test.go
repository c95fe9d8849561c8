// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestTheEndpointIsTakenFromProxiesOnly(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, header, from string
		values             []string
		want               string
	}{
		{"a proxy's word", "X-Vpce", "10.1.2.3", []string{"vpce-1a2b3c4d"}, "vpce-1a2b3c4d"},
		{"somebody else's word", "X-Vpce", "192.0.2.1", []string{"vpce-1a2b3c4d"}, ""},
		{"a proxy that says nothing", "X-Vpce", "10.1.2.3", nil, ""},
		{"a proxy that let the client's through beside its own", "X-Vpce", "10.1.2.3", []string{"vpce-1a2b3c4d", "vpce-2"}, ""},
		{"several in one", "X-Vpce", "10.1.2.3", []string{"vpce-1, vpce-2"}, ""},
		{"one that is too long", "X-Vpce", "10.1.2.3", []string{strings.Repeat("v", 65)}, ""},
		{"no header to believe", "", "10.1.2.3", []string{"vpce-1a2b3c4d"}, ""},
	} {
		e := Endpoints{Header: c.header, Proxies: proxies}
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header["X-Vpce"] = c.values
		if got := e.of(req, netip.MustParseAddr(c.from)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
