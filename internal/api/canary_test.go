// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
)

// canary breaks the patterns of all sensitive members, so that Validate complains of
// them, too.
const canary = "hunter2 \u20ac canary"

// leaks reports the form in which out shows the canary, if any.
func leaks(out string) string {
	for _, form := range []string{
		canary, "hunter2",
		base64.StdEncoding.EncodeToString([]byte(canary))[:8],
		hex.EncodeToString([]byte("hunter2")), strings.ToUpper(hex.EncodeToString([]byte("hunter2"))),
		strings.Trim(fmt.Sprint([]byte("hunter2")), "[]"),
	} {
		if strings.Contains(out, form) {
			return form
		}
	}
	return ""
}

func TestNoPrintedMessageShowsASecret(t *testing.T) {
	t.Parallel()
	sensitive := 0
	for _, op := range operations() {
		for _, message := range []any{op.in, op.out} {
			fill(reflect.ValueOf(message).Elem(), canary)
			if leaks(string(api.AppendJSON(nil, message))) != "" {
				sensitive++
			}
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&out, verb, message)
				fmt.Fprintf(&out, verb, reflect.ValueOf(message).Elem().Interface())
			}
			options := &slog.HandlerOptions{Level: slog.LevelDebug}
			slog.New(slog.NewTextHandler(&out, options)).Debug("call", "in", message, "list", []any{message})
			slog.New(slog.NewJSONHandler(&out, options)).Debug("call", "in", message, "list", []any{message})
			if err := json.NewEncoder(&out).Encode(message); err != nil {
				t.Fatal(err)
			}
			out.Write(api.AppendAudit(nil, message))
			if err := api.Validate(message); err != nil {
				out.WriteString(err.Error())
			}
			if form := leaks(out.String()); form != "" {
				t.Errorf("%T shows a secret as %s", message, form)
			}
		}
	}
	if sensitive < 12 {
		t.Errorf("only %d messages hold a secret: the test looked at too few", sensitive)
	}
}

// A secret that is too long is the classic leak: the validator quotes what it refuses.
func TestNoValidationErrorShowsASecret(t *testing.T) {
	t.Parallel()
	complaints := 0
	for _, op := range operations() {
		for _, text := range []string{strings.Repeat(canary, 300_000/len(canary)), canary} {
			fill(reflect.ValueOf(op.in).Elem(), text)
			err := op.service.Validate(op.in)
			if err == nil {
				continue
			}
			complaints++
			if form := leaks(fmt.Sprintf("%v %+v %#v", err, *err, *err)); form != "" {
				t.Errorf("%s tells a secret as %s", op.name, form)
			}
		}
	}
	if complaints < 50 {
		t.Errorf("only %d requests were refused", complaints)
	}
}
