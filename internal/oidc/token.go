// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"bytes"
	"encoding/base64"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxToken is the longest token, in bytes (STS API Reference, AssumeRoleWithWebIdentity).
const MaxToken = 20000

// maxDepth bounds how deep a token's claims may nest. AWS's own, of session tags, nest three
// deep.
const maxDepth = 32

// Token is a token that was read, and not verified: until Verify has returned nil its
// claims are no more than that.
type Token struct {
	Claims Claims

	algorithm string
	keyID     string
	signed    []byte
	signature []byte
}

// Parse reads a token in the compact serialization of RFC 7515. It reads strictly: names
// are exact, none comes twice, and nothing is left over. The error is an *Error.
func Parse(token []byte) (*Token, error) {
	if len(token) > MaxToken {
		return nil, fault(Malformed, "the token is too long")
	}
	parts := bytes.Split(token, []byte{'.'})
	if len(parts) != 3 {
		return nil, fault(Malformed, "a token has three parts")
	}
	t := &Token{signed: bytes.Clone(token[:len(parts[0])+1+len(parts[1])])}
	header, err := decode(parts[0])
	if err != nil {
		return nil, err
	}
	claims, err := decode(parts[1])
	if err != nil {
		return nil, err
	}
	if t.signature, err = decode(parts[2]); err != nil {
		return nil, err
	}
	if err := t.readHeader(header); err != nil {
		return nil, err
	}
	return t, t.Claims.read(claims)
}

// strict is base64url without padding, and with nothing but zeroes after the last byte, so
// that a token has one form.
var strict = base64.RawURLEncoding.Strict()

func decode(part []byte) ([]byte, error) {
	// The decoder would leave out line ends.
	if bytes.ContainsAny(part, "\r\n") {
		return nil, fault(Malformed, "a part is not base64url")
	}
	out, err := strict.AppendDecode(nil, part)
	if err != nil || len(out) == 0 {
		return nil, fault(Malformed, "a part is not base64url")
	}
	return out, nil
}

// readHeader reads the JOSE header. Where a key is to be had, which a header may also say
// (jwk, jku, x5c, x5u), is not read: that is the issuer's to say.
func (t *Token) readHeader(raw []byte) error {
	var h struct {
		Algorithm string         `json:"alg"`
		KeyID     string         `json:"kid"`
		Critical  jsontext.Value `json:"crit"`
	}
	if err := unmarshal(raw, &h); err != nil {
		return err
	}
	switch {
	case algorithms[h.Algorithm] == nil:
		return fault(Malformed, "the token is signed in no way that is taken")
	case h.Critical != nil:
		return fault(Malformed, "the header has critical extensions")
	case h.KeyID == "":
		return fault(Malformed, "the header names no key")
	}
	t.algorithm, t.keyID = h.Algorithm, h.KeyID
	return nil
}

// unmarshal decodes an object of JSON that is UTF-8, with no name twice, and nested within
// bounds.
func unmarshal(raw []byte, into any) error {
	if raw[0] != '{' || tooDeep(raw) {
		return fault(Malformed, "a part is not an object of JSON")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fault(Malformed, "a part is not the JSON that it should be")
	}
	return nil
}

func tooDeep(raw []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		if _, err := d.ReadToken(); err != nil {
			return false // of what is no JSON the decoder says so
		}
		if d.StackDepth() > maxDepth {
			return true
		}
	}
}
