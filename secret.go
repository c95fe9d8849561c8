// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Secret is a version of a secret. Its value can't be printed, logged or marshalled by
// accident: only Text, Bytes and JSON give it away.
type Secret struct {
	// ARN and Name are the secret's.
	ARN, Name string
	// VersionID is the version's.
	VersionID string
	// Stages are the version's staging labels.
	Stages []string
	// Created is when the version was made.
	Created time.Time
	// Cache says how the value was had: HIT, MISS, or STALE if it is older than it
	// should be because the source can't be reached. It is empty if nobody told.
	Cache string
	// Age is how long ago the source gave the value.
	Age time.Duration

	value  secret.Value
	binary bool
}

func secretOf(a cache.Answer) Secret {
	s := Secret{
		ARN: a.ARN, Name: a.Name, VersionID: a.VersionID, Stages: a.Stages, Created: a.Created,
		Cache: string(a.Status), Age: a.Age, value: a.Text,
	}
	if s.binary = a.Text.IsZero(); s.binary {
		s.value = a.Binary
	}
	return s
}

// Text returns the value as a string. A binary secret's bytes are in it as they are.
func (s Secret) Text() string { return s.value.RevealString() }

// Bytes returns a copy of the value.
func (s Secret) Bytes() []byte { return s.value.Clone().Reveal() }

// Binary reports whether the secret was stored as bytes and not as a string.
func (s Secret) Binary() bool { return s.binary }

// JSON decodes a value that is JSON into what v points to. The error tells where the
// value does not fit, and nothing of the value.
func (s Secret) JSON(v any) error {
	return decodeJSON(s.Name, s.value, v)
}

// decodeJSON decodes the value with a name.
func decodeJSON(name string, value secret.Value, v any) error {
	err := json.Unmarshal(value.Reveal(), v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		err = fmt.Errorf("the value is not JSON: at byte %d", e.Offset)
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("the value's JSON has no %s at byte %d, field %q", e.Type, e.Offset, e.Field)
	} else {
		err = fmt.Errorf("the value's JSON does not fit %T", v)
	}
	return &Error{ID: name, Code: codeTransform, Err: err}
}
