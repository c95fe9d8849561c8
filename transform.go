// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Encoding is what a value may be encoded in, for Transform.
type Encoding uint8

// The encodings.
const (
	// Plain values are what they are.
	Plain Encoding = iota
	// JSON values are checked to be JSON, and stay as they are: GetJSON and Field
	// decode them.
	JSON
	// Base64 values are decoded (RFC 4648, section 4, with padding).
	Base64
	// Auto is JSON for names that end in .json, Base64 for those that end in .binary,
	// and Plain for all others.
	Auto
)

// of returns the encoding of the value with a name.
func (e Encoding) of(name string) Encoding {
	switch {
	case e != Auto:
		return e
	case strings.HasSuffix(name, ".json"):
		return JSON
	case strings.HasSuffix(name, ".binary"):
		return Base64
	}
	return Plain
}

// transform returns what q asks for of a value, which it takes over.
func (q *query) transform(name string, v secret.Value) (secret.Value, error) {
	var err error
	switch q.encoding.of(name) {
	case JSON:
		if !json.Valid(v.Reveal()) {
			err = errors.New("the value is not JSON")
		}
	case Base64:
		v, err = decodeBase64(v)
	}
	if err == nil && q.field != "" {
		whole := v
		v, err = secret.Field(whole, q.field)
		whole.Wipe()
	}
	if err != nil {
		v.Wipe()
		return secret.Value{}, &Error{ID: name, Code: codeTransform, Err: err}
	}
	return v, nil
}

func decodeBase64(v secret.Value) (secret.Value, error) {
	defer v.Wipe()
	b := make([]byte, base64.StdEncoding.DecodedLen(v.Len()))
	n, err := base64.StdEncoding.Decode(b, v.Reveal())
	decoded := secret.New(b[:n])
	if at, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return decoded, fmt.Errorf("the value is not base64: at byte %d", int64(at))
	}
	return decoded, err
}
