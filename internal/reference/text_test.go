// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/reference"
	"github.com/coffer-secrets/coffer/internal/secret"
)

var errNone = errors.New("there is none")

// get answers a secret by a JSON object with any member, the binary one by bytes, and a
// parameter by its name.
func get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	a := cache.Answer{Value: cache.Value{Text: secret.FromString("<" + ref.ID + ">")}}
	switch {
	case ref.ID == "none":
		return cache.Answer{}, errNone
	case ref.ID == "binary":
		a.Text, a.Binary = secret.Value{}, secret.New([]byte{0, 1})
	case ref.ID == "object":
		a.Text = secret.FromString(`{"user":"app","password":"hunter2","port":5432}`)
	case ref.Kind == cache.Parameter:
		kind := "String"
		if ref.ID == "secure" {
			kind = "SecureString"
		}
		a.Parameter = &cache.ParameterInfo{Type: &kind, SourceResult: secret.FromString("whole")}
	}
	return a, nil
}

func TestFill(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"{{resolve:secretsmanager:a}}":                         "<a>",
		"x{{resolve:secretsmanager:a}}{{resolve:ssm:b}}y":      "x<a><b>y",
		"{{resolve:ssm-secure:secure}}":                        "<secure>",
		"{{resolve:secretsmanager:binary}}":                    "\x00\x01",
		"{{resolve:secretsmanager:object:SecretString:port}}":  "5432",
		"{{resolve:secretsmanager:a}}}}":                       "<a>}}",
		"{{ {{resolve:secretsmanager:a}} {{name}} resolve: }}": "{{ <a> {{name}} resolve: }}",
		"postgres://{{resolve:secretsmanager:object:SecretString:user}}:{{resolve:secretsmanager:object:SecretString:password}}@h/db": "postgres://app:hunter2@h/db",
	} {
		text, err := reference.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		if got, err := text.Fill(t.Context(), get); err != nil || got.RevealString() != want {
			t.Errorf("%q is filled to %q, %v", in, got.RevealString(), err)
		}
	}
}

func TestFillFails(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"p{{resolve:secretsmanager:none}}":                           "none: there is none",
		"{{resolve:secretsmanager:object:SecretString:host}}":        `object#host: the JSON object has no field "host"`,
		"{{resolve:secretsmanager:a:SecretString:user}}":             "a#user: the value is not a JSON object",
		"{{resolve:ssm:secure}}":                                     "secure: the parameter is a SecureString: refer to it by ssm-secure",
		"hunter2{{resolve:ssm:fine}}{{resolve:secretsmanager:none}}": "none: there is none",
	} {
		text, err := reference.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		if got, err := text.Fill(t.Context(), get); fmt.Sprint(err) != want || !got.IsZero() {
			t.Errorf("%q fails by %v, want %s", in, err, want)
		}
	}
}

func TestFillLeavesNoPlaintextBehind(t *testing.T) {
	t.Parallel()
	var given []secret.Value
	text, err := reference.Parse(strings.Repeat("{{resolve:secretsmanager:object:SecretString:password}}", 2) + "{{resolve:ssm-secure:p}}")
	if err != nil {
		t.Fatal(err)
	}
	filled, err := text.Fill(t.Context(), func(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
		a, err := get(ctx, ref)
		given = append(given, a.Text)
		if a.Parameter != nil {
			given = append(given, a.Parameter.SourceResult)
		}
		return a, err
	})
	if err != nil || filled.RevealString() != "hunter2hunter2<p>" {
		t.Fatalf("%q, %v", filled.RevealString(), err)
	}
	for _, v := range given {
		if strings.Trim(v.RevealString(), "\x00") != "" {
			t.Errorf("left behind: %q", v.RevealString())
		}
	}
}
