// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/http"

	"github.com/coffer-secrets/coffer/internal/secret"
)

const needsToken = "a token is needed: the extension's own, in X-Vault-Token"

// Guard returns what decides on the requests to an interface beside an Agent's: it returns
// the status and the text to refuse one with, or zero. One that came through a proxy, or is
// meant for another host, is refused; and unless the interface is open, one that shows none
// of the tokens, as its X-Vault-Token or as it would show it to an Agent.
func Guard(values []secret.Value, open bool) func(*http.Request) (status int, text string) {
	known := newTokens(values)
	return func(r *http.Request) (int, string) {
		if _, ok := r.Header["X-Forwarded-For"]; ok {
			return http.StatusBadRequest, forwarded
		}
		if !isLocal(r.Host) {
			return http.StatusForbidden, badHost
		}
		if !open && known.admit(r.Header) < 0 {
			return http.StatusForbidden, needsToken
		}
		return 0, ""
	}
}
