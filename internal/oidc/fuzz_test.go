// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// FuzzParse holds that nothing breaks the parser, and that what it reads has what every
// token must have.
func FuzzParse(f *testing.F) {
	head := map[string]any{"alg": "RS256", "kid": "a"}
	for _, c := range []any{
		claims(map[string]any{"iss": "https://example.com"}), claims(map[string]any{"iss": "https://example.com", "aud": []string{"a"}, "azp": "b", "amr": "c"}),
		claims(map[string]any{"iss": "x", "https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"b"}}}}),
		[]int{1},
		nil,
	} {
		f.Add([]byte(oidctest.Unsigned(f, head, c) + ".AAAA"))
	}
	f.Add([]byte("e30.e30.e30"))
	f.Fuzz(func(t *testing.T, token []byte) {
		parsed, err := oidc.Parse(token)
		if err != nil {
			return
		}
		c := parsed.Claims
		if c.Issuer == "" || c.Subject == "" || len(c.Audiences()) == 0 || c.Expires.IsZero() || c.IssuedAt.IsZero() || len(token) > oidc.MaxToken {
			t.Fatalf("%q was read as %+v", token, c)
		}
	})
}
