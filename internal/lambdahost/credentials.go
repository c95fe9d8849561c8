// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// credentialsPath is where processes fetch their credentials under SnapStart.
const credentialsPath = "/2021-04-23/credentials"

// Credentials are the temporary credentials of the function's execution role.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey secret.Text
	SessionToken    secret.Text
	// Expiration is when they end. Only the endpoint of SnapStart tells it; the zero
	// time, which is sent as it is (year 1), means unknown.
	Expiration time.Time
}

// SetCredentials replaces the credentials. The endpoint of SnapStart serves the new
// ones at once, as after a restore; environment variables have them from the next INIT.
func (h *Host) SetCredentials(c Credentials) { h.credentials.Store(&c) }

// credentialEnv returns the environment variables by which a process finds its
// credentials. Plaintext is revealed here since the environment is how Lambda hands
// it out; the host neither logs nor keeps this map.
func (h *Host) credentialEnv() map[string]string {
	if h.cfg.InitializationType == SnapStart {
		return map[string]string{
			envCredentialsURI:  "http://" + h.Address() + credentialsPath,
			envCredentialsAuth: h.token.RevealString(),
		}
	}
	c := h.credentials.Load()
	return map[string]string{
		envAccessKeyID:     c.AccessKeyID,
		envSecretAccessKey: c.SecretAccessKey.RevealString(),
		envSessionToken:    c.SessionToken.RevealString(),
	}
}

// serveCredentials answers as the container credentials provider of the AWS SDKs
// expects it.
func (h *Host) serveCredentials(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Authorization")
	if subtle.ConstantTimeCompare([]byte(token), h.token.Reveal()) != 1 {
		http.Error(w, "cannot get credentials for the provided token", http.StatusNotFound)
		return
	}
	c := h.credentials.Load()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"AccessKeyId":     c.AccessKeyID,
		"SecretAccessKey": c.SecretAccessKey.RevealString(),
		"Token":           c.SessionToken.RevealString(),
		"Expiration":      c.Expiration,
	})
}
