// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package secret has the types that plaintext travels in.
//
// A Value can't be printed, logged or marshalled by accident: every formatting
// and encoding method of the standard library yields the word REDACTED. What must
// send a secret (the wire codec, the agent's HTTP answers) calls Reveal, and a
// search for that word finds every such place.
package secret

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a Value prints as.
const Redacted = "REDACTED"

// Value is a piece of plaintext. The zero Value is absent, which differs from an
// empty one. A Value shares its bytes with its copies: Wipe clears them all.
//
// The bytes are behind a function because fmt can't call the methods of an
// unexported field of somebody's struct: it prints such a field by reflection,
// follows its pointers for a verb that does not fit, and prints of a function
// the address only.
type Value struct{ bytes func() []byte }

// New returns a Value that takes over b.
func New(b []byte) Value {
	if b == nil {
		b = []byte{}
	}
	return Value{func() []byte { return b }}
}

// FromString returns a Value with a copy of s.
func FromString(s string) Value { return New([]byte(s)) }

// Reveal returns the plaintext itself, not a copy: the caller must not change it.
// It is nil only for an absent Value.
func (v Value) Reveal() []byte {
	if v.bytes == nil {
		return nil
	}
	return v.bytes()
}

// RevealString returns the plaintext as a string, which can't be wiped.
func (v Value) RevealString() string { return string(v.Reveal()) }

// IsZero reports whether the Value is absent.
func (v Value) IsZero() bool { return v.bytes == nil }

// Len returns the plaintext's length in bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// Equal compares in a time that depends on the lengths only.
func (v Value) Equal(w Value) bool {
	return v.IsZero() == w.IsZero() && subtle.ConstantTimeCompare(v.Reveal(), w.Reveal()) == 1
}

// Clone returns a Value with bytes of its own.
func (v Value) Clone() Value {
	if v.bytes == nil {
		return Value{}
	}
	return New(append([]byte{}, v.Reveal()...))
}

// Wipe overwrites the plaintext, in all copies of the Value, with zeros.
func (v Value) Wipe() { clear(v.Reveal()) }

// Format implements fmt.Formatter: every verb prints the word REDACTED.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer.
func (v Value) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (v Value) GoString() string { return Redacted }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalBinary implements encoding.BinaryMarshaler, and with it gob: it fails.
func (v Value) MarshalBinary() ([]byte, error) {
	return nil, errors.New("secret: a Value can't be marshalled")
}

// Text is a Value that AWS's protocols carry as a string.
type Text struct{ Value }

// NewText returns a Text with a copy of s.
func NewText(s string) Text { return Text{FromString(s)} }

// UnmarshalJSON implements json.Unmarshaler. null leaves the Text as it is.
func (t *Text) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return errors.New("expected a string")
	}
	t.Value = FromString(s)
	return nil
}

// Blob is a Value that AWS's protocols carry as base64.
type Blob struct{ Value }

// NewBlob returns a Blob that takes over b.
func NewBlob(b []byte) Blob { return Blob{New(b)} }

// UnmarshalJSON implements json.Unmarshaler. null leaves the Blob as it is.
func (b *Blob) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return errors.New("expected a base64 string")
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return errors.New("expected base64")
	}
	b.Value = New(raw)
	return nil
}
