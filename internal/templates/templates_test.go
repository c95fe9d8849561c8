// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package templates_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/templates"
)

func get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	values := map[cache.Ref]string{
		{ID: "prod/db"}: `{"user":"app","password":"hunter\"2","port":1234567890123456789,"none":null,"hosts":["a","b"]}`,
		{ID: "/odd"}:    "hunter2", {ID: "vault:db"}: `{"user":"v"}`,
		{Kind: cache.Parameter, ID: "/prod/key", Decrypt: true}: "k-2f9a", {Kind: cache.Parameter, ID: "plain", Decrypt: true}: "p",
	}
	text, ok := values[ref]
	if !ok {
		return cache.Answer{}, errors.New("there is none")
	}
	return cache.Answer{Value: cache.Value{Text: secret.FromString(text)}}, nil
}

func render(t *testing.T, text string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.tmpl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := templates.Render(t.Context(), path, get)
	return v.RevealString(), err
}

func TestRender(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "",
		"password = {{ secret `prod/db` `password` }}\n":                                                        "password = hunter\"2\n",
		`{{ secret "prod/db#user" }}{{ secret "/odd" }}{{ secret "vault:db" "user" }}`:                          "apphunter2v",
		`{{ parameter "/prod/key" }} {{ parameter "plain" }}`:                                                   "k-2f9a p",
		`{{ with json (secret "prod/db") }}{{ .user }}:{{ .port }}{{ range .hosts }},{{ . }}{{ end }}{{ end }}`: "app:1234567890123456789,a,b",
		`{{ tojson (secret "prod/db" "password") }}{{ secret "prod/db" "hosts" | json | tojson }}`:              `"hunter\"2"["a","b"]`,
		`{{ if (json (secret "prod/db")).user | eq "app" }}yes{{ end }}<&>`:                                     "yes<&>",
	} {
		if got, err := render(t, text); err != nil || got != want {
			t.Errorf("%s renders to %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestRenderFails(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{ secret "none" }}`:                          `at <secret "none">: error calling secret: there is none`,
		`{{ parameter "/none" }}`:                      "there is none",
		`{{ secret "prod/db" "host" }}`:                `has no field "host"`,
		`{{ secret "prod/db" "user" "x" }}`:            "secret takes an id",
		`{{ secret "prod/db#user" "x" }}`:              "secret takes an id",
		`{{ secret "prod/db" "" }}`:                    "secret takes an id",
		`{{ secret "a b" }}`:                           "a reference has no name",
		`{{ parameter "vault:db" }}`:                   "a reference",
		`{{ secret (secret "/odd") }}`:                 "there is none",
		`{{ (json (secret "prod/db")).host }}`:         `map has no entry for key "host"`,
		`{{ (json (secret "prod/db")).none }}`:         `map has no entry for key "none"`,
		`{{ index (json (secret "prod/db")) "host" }}`: "a value that is not there",
		`{{ .x }}`:                   "no entry for key",
		`{{ json (secret "/odd") }}`: "the value is not JSON",
		`{{ json "{} {}" }}`:         "the value is not JSON",
		`{{ env "HOME" }}`:           `function "env" not defined`,
		`{{ call (secret "/odd") }}`: "non-function",
		`{{ (secret "/odd").x }}`:    "can't evaluate field x",
		`{{ secret `:                 "unclosed action",
		`{{ range 1000000 }}{{ secret "/odd" }}{{ end }}`:               "more than 1048576 bytes",
		`{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}`: "exceeded maximum template depth",
		strings.Repeat("x", 1<<20+1):                                    "more than 1048576 bytes",
	} {
		got, err := render(t, text)
		if err == nil || got != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%.80s renders to %.80q, %v; want %s", text, got, err, want)
		}
	}
	if _, err := templates.Render(t.Context(), "/no/such/file", get); err == nil {
		t.Error("a template that is not there was rendered")
	}
}
