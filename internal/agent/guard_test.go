// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"net/http/httptest"
	"testing"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestAGuardOfAnotherInterface(t *testing.T) {
	t.Parallel()
	tokens := []secret.Value{secret.FromString("good")}
	for name, c := range map[string]struct {
		host, header, value string
		status, open        int // what one with tokens says, and what an open one does
	}{
		"no token":             {"127.0.0.1:8200", "", "", 403, 0},
		"Vault's header":       {"localhost:8200", "X-Vault-Token", "good", 0, 0},
		"the agent's header":   {"[::1]:8200", "X-Aws-Parameters-Secrets-Token", "good", 0, 0},
		"a wrong token":        {"127.0.0.1", "X-Vault-Token", "bad", 403, 0},
		"an empty token":       {"127.0.0.1", "X-Vault-Token", "", 403, 0},
		"another host":         {"evil.test", "X-Vault-Token", "good", 403, 403},
		"a proxy":              {"127.0.0.1", "X-Forwarded-For", "10.0.0.1", 400, 400},
		"a name that is close": {"localhost.evil.test", "X-Vault-Token", "good", 403, 403},
	} {
		r := httptest.NewRequest("GET", "/v1/secret/data/db", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if status, text := agent.Guard(tokens, false)(r); status != c.status || (text == "") != (status == 0) {
			t.Errorf("%s: %d %q, want %d", name, status, text, c.status)
		}
		if status, _ := agent.Guard(tokens, true)(r); status != c.open {
			t.Errorf("%s, open: %d, want %d", name, status, c.open)
		}
		if status, _ := agent.Guard(nil, false)(r); status == 0 {
			t.Errorf("%s: without tokens it is let in", name)
		}
	}
}
