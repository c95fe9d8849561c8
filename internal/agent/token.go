// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// maxToken bounds a token's file in bytes.
const maxToken = 16 << 10

// tokens are the hashes of what a request may show. Hashes have one length, so that a
// comparison takes the same time for all.
type tokens [][sha256.Size]byte

func newTokens(values []secret.Value) tokens {
	var t tokens
	for _, v := range values {
		if v.Len() > 0 {
			t = append(t, sha256.Sum256(v.Reveal()))
		}
	}
	return t
}

// tokenHeaders are where a token may be shown.
var tokenHeaders = [...]string{"X-Aws-Parameters-Secrets-Token", "X-Vault-Token"}

// admit returns the place of the token that one of the headers, given once, shows. It is
// less than zero if none does.
func (t tokens) admit(h http.Header) int {
	place := 0 // counted from one
	for _, name := range tokenHeaders {
		if values := h[name]; len(values) == 1 {
			shown := sha256.Sum256([]byte(values[0]))
			for i := range t {
				place = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(t[i][:], shown[:]), i+1, place)
			}
		}
	}
	return place - 1
}

// fromFile begins a variable whose token is in a file.
const fromFile = "file://"

// TokensFrom returns the tokens that the environment names: AWS_TOKEN, as programs send it
// to the Secrets Manager Agent; AWS_SESSION_TOKEN, as functions send it to the AWS
// extension; AWS_CONTAINER_AUTHORIZATION_TOKEN, which takes its place under SnapStart and in
// containers; and Coffer's own, COFFER_AGENT_TOKEN. Each is the token, or file:// and the
// path of a file that has it. So has COFFER_AGENT_TOKEN_FILE. The space around a file's
// token does not count.
func TokensFrom(getenv func(string) string) ([]secret.Value, error) {
	var found []secret.Value
	var wrong error
	for _, name := range []string{"AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "COFFER_AGENT_TOKEN", "COFFER_AGENT_TOKEN_FILE"} {
		token := getenv(name)
		file, isFile := strings.CutPrefix(token, fromFile)
		switch {
		case token == "":
		case isFile || name == "COFFER_AGENT_TOKEN_FILE":
			v, err := secret.FromFile(file, maxToken)
			if err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("%s: %w", name, err))
				continue
			}
			found = append(found, v)
		default:
			found = append(found, secret.FromString(token))
		}
	}
	return found, wrong
}
