// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
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

// admit reports whether a header, given once, has one of the tokens.
func (t tokens) admit(header []string) bool {
	if len(header) != 1 {
		return false
	}
	shown := sha256.Sum256([]byte(header[0]))
	match := 0
	for i := range t {
		match |= subtle.ConstantTimeCompare(t[i][:], shown[:])
	}
	return match == 1
}

// TokensFrom returns the tokens that the environment names: AWS_SESSION_TOKEN, as
// functions send it to the AWS extension; AWS_CONTAINER_AUTHORIZATION_TOKEN, which takes
// its place under SnapStart and in containers; and Coffer's own, COFFER_AGENT_TOKEN, or
// the content of COFFER_AGENT_TOKEN_FILE without the space around it.
func TokensFrom(getenv func(string) string) ([]secret.Value, error) {
	var found []secret.Value
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "COFFER_AGENT_TOKEN"} {
		if v := getenv(name); v != "" {
			found = append(found, secret.FromString(v))
		}
	}
	if file := getenv("COFFER_AGENT_TOKEN_FILE"); file != "" {
		v, err := readToken(file)
		if err != nil {
			return nil, fmt.Errorf("COFFER_AGENT_TOKEN_FILE: %w", err)
		}
		found = append(found, v)
	}
	return found, nil
}

func readToken(file string) (secret.Value, error) {
	f, err := os.Open(file)
	if err != nil {
		return secret.Value{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return secret.Value{}, err
	}
	token := strings.TrimSpace(string(b))
	if token == "" || len(b) > maxToken {
		return secret.Value{}, errors.New("empty or too long")
	}
	return secret.FromString(token), nil
}
