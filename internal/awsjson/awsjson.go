// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package awsjson is the client's side of AWS's JSON protocol: requests are encoded
// with their secrets revealed, answers and errors are decoded. How they travel is a
// Caller's business: this package knows no network.
package awsjson

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
)

// A Caller sends the body of a request and returns that of the answer. An answer that
// is an error it returns as the *api.Error that DecodeError makes. The answer belongs to
// who called.
type Caller interface {
	Call(ctx context.Context, service *api.Service, operation string, body []byte) ([]byte, error)
}

// Do calls an operation. The answer is overwritten once it is decoded, since there may
// be a secret in it.
func Do[In, Out any](ctx context.Context, c Caller, op api.Op[In, Out], in *In) (*Out, error) {
	answer, err := c.Call(ctx, op.Service, op.Name, Encode(in))
	if err != nil {
		return nil, err
	}
	defer clear(answer)
	out := new(Out)
	if err := Decode(answer, out); err != nil {
		return nil, fmt.Errorf("decoding the answer of %s: %w", op.Action(), err)
	}
	return out, nil
}

// Encode returns a pointer to a generated struct as JSON. Secrets are revealed.
func Encode(in any) []byte { return api.AppendJSON(nil, in) }

// Decode reads an answer into a pointer to a generated struct. An empty answer leaves
// it as it is. No value is in the error.
func Decode(body []byte, out any) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return wrongJSON(err)
	}
	return nil
}

// wrongJSON says where the JSON is wrong. The library's own words may quote a value.
func wrongJSON(err error) error {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Errorf("invalid JSON at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Errorf("%s at byte %d does not fit %s", e.Field, e.Offset, e.Type)
	}
	return fmt.Errorf("a member has a value of the wrong form")
}
