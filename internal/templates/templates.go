// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package templates renders files that have secrets in them, from templates in Go's syntax
// (text/template). These have, beside its own, the functions
//
//	secret ID          a secret, by what names one in a list: "prod/db", "vault:secret/db"
//	secret ID FIELD    a member of the JSON object that it is
//	parameter NAME     a parameter, decrypted
//	json TEXT          what a JSON text means: {{ (json (secret "prod/db")).user }}
//	tojson VALUE       a value as JSON, in quotes if it is a text
//
// None of them, nor those of text/template, reads a file or the environment, or runs
// anything. What is missing is an error, and an error shows the template's text and no
// value.
//
// It is a package of its own because text/template makes a program two megabytes larger.
package templates

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/template"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/reference"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// maxTemplate bounds a template's file in bytes.
	maxTemplate = 1 << 20
	// maxOutput bounds what is rendered, in bytes.
	maxOutput = 1 << 20
)

var (
	errTooLong = fmt.Errorf("the template has more than %d bytes", maxTemplate)
	errOutput  = fmt.Errorf("it renders to more than %d bytes", maxOutput)
	errMissing = errors.New("it renders a value that is not there")
	errJSON    = errors.New("the value is not JSON")
	errArgs    = errors.New("secret takes an id, and a field or none")
)

var _ files.Renderer = Render

// Render renders the template in a file. The result is the caller's; copies of values that
// text/template made can't be wiped.
func Render(ctx context.Context, path string, get reference.Getter) (secret.Value, error) {
	text, err := read(path)
	if err != nil {
		return secret.Value{}, err
	}
	r := renderer{ctx, get}
	t, err := template.New(filepath.Base(path)).Option("missingkey=error").Funcs(template.FuncMap{
		"secret": r.secret, "parameter": r.parameter, "json": fromJSON, "tojson": toJSON,
	}).Parse(text)
	if err != nil {
		return secret.Value{}, err
	}
	var out limited
	if err := t.Execute(&out, nil); err != nil {
		clear(out.b)
		return secret.Value{}, err
	}
	// What text/template prints for nil, which index makes of a key that is missing.
	if bytes.Contains(out.b, []byte("<no value>")) {
		clear(out.b)
		return secret.Value{}, errMissing
	}
	return secret.New(out.b), nil
}

func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxTemplate {
		return "", errTooLong
	}
	return string(b), nil
}

// limited is a writer of maxOutput bytes.
type limited struct{ b []byte }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > maxOutput {
		return 0, errOutput
	}
	l.b = append(l.b, p...)
	return len(p), nil
}

// renderer is what the functions of one template have in common.
type renderer struct {
	ctx context.Context // of the rendering, during which alone they are called
	get reference.Getter
}

func (r renderer) secret(id string, field ...string) (string, error) {
	ref, err := item(id, cache.Secret, "secretsmanager:")
	switch {
	case err != nil:
		return "", err
	case len(field) > 1 || len(field) == 1 && (field[0] == "" || ref.Field != ""):
		return "", errArgs
	case len(field) == 1:
		ref.Field = field[0]
	}
	return r.value(ref)
}

func (r renderer) parameter(name string) (string, error) {
	ref, err := item(name, cache.Parameter, "ssm:")
	if err != nil {
		return "", err
	}
	return r.value(ref)
}

// item reads what names a value of one kind, which may need the prefix to be told from one
// of the other.
func item(id string, kind cache.Kind, prefix string) (reference.Reference, error) {
	ref, err := reference.ParseItem(id)
	if err != nil || ref.Ref.Kind == kind {
		return ref, err
	}
	return reference.ParseItem(prefix + id)
}

// value gets a value. The error does not name it: text/template says where it is asked for,
// and a name may be another value.
func (r renderer) value(ref reference.Reference) (string, error) {
	v, err := ref.Value(r.ctx, r.get)
	defer v.Wipe()
	return v.RevealString(), err
}

// fromJSON decodes a JSON text. Numbers are printed as they are written, and what is null
// is missing.
func fromJSON(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, errJSON
	}
	dropNulls(v)
	return v, nil
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
			}
			dropNulls(member)
		}
	case []any:
		for _, element := range v {
			dropNulls(element)
		}
	}
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "", errJSON
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
