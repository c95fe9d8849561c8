// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
)

const canary = "hunter2-canary"

type holder struct {
	Public  secret.Text
	Pointer *secret.Text
	private secret.Value
	nested  struct{ v secret.Blob }
}

func TestNoEncodingShowsTheValue(t *testing.T) {
	t.Parallel()
	h := holder{Public: secret.NewText(canary), Pointer: new(secret.NewText(canary)), private: secret.FromString(canary)}
	h.nested.v = secret.NewBlob([]byte(canary))

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, v := range []any{h, &h, h.Public, h.Pointer, h.private, []secret.Value{h.private}, map[string]any{"k": h}} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
		slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
	} {
		slog.New(handler).Debug("x", "holder", h, "value", h.Public, "pointer", &h, "any", []any{h.private})
	}
	if err := json.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"k": &h}); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(&out).Encode(h.private); err == nil {
		t.Error("gob encoded a secret")
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), "aHVudGVyMi", fmt.Sprint([]byte(canary))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("output holds the plaintext as %s", form)
		}
	}
	if !strings.Contains(out.String(), secret.Redacted) {
		t.Error("nothing was redacted: the test printed no secret")
	}
}

func TestAbsentDiffersFromEmpty(t *testing.T) {
	t.Parallel()
	var absent secret.Value
	empty := secret.FromString("")
	if !absent.IsZero() || empty.IsZero() || absent.Equal(empty) {
		t.Error("absent and empty are told apart by neither IsZero nor Equal")
	}
	if absent.Reveal() != nil || empty.Reveal() == nil {
		t.Error("only an absent value reveals nil")
	}
}

func TestWipeReachesCopies(t *testing.T) {
	t.Parallel()
	v := secret.FromString(canary)
	copied, clone := v, v.Clone()
	v.Wipe()
	if copied.RevealString() == canary {
		t.Error("a copy kept the plaintext")
	}
	if clone.RevealString() != canary {
		t.Error("a clone lost its own bytes")
	}
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	var got struct {
		T secret.Text
		B secret.Blob
		N *secret.Text
	}
	if err := json.Unmarshal([]byte(`{"T":"a\u00e9","B":"AAE=","N":null}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.T.RevealString() != "aé" || !bytes.Equal(got.B.Reveal(), []byte{0, 1}) || got.N != nil {
		t.Errorf("decoded %q, %x, %v", got.T.RevealString(), got.B.Reveal(), got.N)
	}
	for _, bad := range []string{`{"T":1}`, `{"B":"%"}`, `{"B":true}`} {
		err := json.Unmarshal([]byte(bad), &got)
		if err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
