// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/events"
)

// Event writes one event as a line: time, source, what kind, resources, details. What
// could be more than text to a terminal is quoted.
func Event(w io.Writer, e *events.Event) error {
	p := For(w)
	fields := []string{p.Dim(e.Time.Format(time.RFC3339)), plain(e.Source), p.Bold(visible(e.DetailType))}
	for _, arn := range e.Resources {
		fields = append(fields, plain(arn))
	}
	_, err := fmt.Fprintln(w, strings.Join(append(fields, details(e.Detail)...), "  "))
	return err
}

// details are the members of a JSON object, each as name=value, up to the first that
// can't be read.
func details(object jsontext.Value) (fields []string) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			break
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			break
		}
		text := visible(string(value))
		if value.Kind() == '"' {
			unquoted, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				break
			}
			text = plain(string(unquoted))
		}
		fields = append(fields, plain(key)+"="+text)
	}
	return fields
}

// plain is s, quoted unless it is one word of visible characters.
func plain(s string) string {
	if s == "" || strings.ContainsAny(s, ` "`) {
		return strconv.Quote(s)
	}
	return visible(s)
}

// visible is s, quoted if it has a character that can't be seen.
func visible(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return strconv.Quote(s)
	}
	return s
}
