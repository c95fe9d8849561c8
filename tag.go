// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"errors"
	"fmt"
	"strings"
)

// kind is what a tag names.
type kind uint8

const (
	aSecret kind = iota
	aParameter
	aPath
)

// tag is what the tag of a field says.
type tag struct {
	id             string
	kind           kind
	field          string
	stage, version string
	encoding       Encoding
	optional       bool
}

// maxTag bounds a tag in bytes: an ARN of 2 KiB, and what is said of it.
const maxTag = 4 << 10

// parseTag reads a tag. A word that means nothing, or that comes twice, is an error, so
// that no slip of a pen goes unnoticed.
func parseTag(text string) (tag, error) {
	var t tag
	if len(text) > maxTag {
		return t, fmt.Errorf("the tag is longer than %d bytes", maxTag)
	}
	id, rest, more := strings.Cut(text, ",")
	if t.id = strings.TrimSpace(id); t.id == "" || strings.ContainsFunc(t.id, func(r rune) bool { return r <= ' ' }) {
		return t, errors.New("the tag begins with the name of a secret or parameter")
	}
	seen := map[string]bool{}
	for more {
		var word string
		word, rest, more = strings.Cut(rest, ",")
		key, value, hasValue := strings.Cut(strings.TrimSpace(word), "=")
		if seen[key] {
			return t, fmt.Errorf("the tag says %q twice", key)
		}
		seen[key] = true
		if err := t.set(key, value, hasValue); err != nil {
			return t, err
		}
	}
	return t, t.check(seen)
}

// set takes over one word.
func (t *tag) set(key, value string, hasValue bool) error {
	text := map[string]*string{"field": &t.field, "stage": &t.stage, "version": &t.version}[key]
	switch {
	case text != nil && value == "":
		return fmt.Errorf("the tag's %q lacks what it is: %s=", key, key)
	case text != nil:
		*text = value
		return nil
	case hasValue:
		return fmt.Errorf("the tag's %q is not known, or has no value", key)
	}
	switch key {
	case "parameter":
		t.kind = aParameter
	case "path":
		t.kind = aPath
	case "json":
		t.encoding = JSON
	case "base64":
		t.encoding = Base64
	case "auto":
		t.encoding = Auto
	case "optional":
		t.optional = true
	default:
		return fmt.Errorf("the tag's %q is not known", key)
	}
	return nil
}

// check finds what does not go together.
func (t *tag) check(seen map[string]bool) error {
	switch {
	case seen["parameter"] && seen["path"]:
		return errors.New("the tag is of a parameter or of a path, not of both")
	case seen["json"] && seen["base64"] || seen["json"] && seen["auto"] || seen["base64"] && seen["auto"]:
		return errors.New("the tag has more than one encoding")
	case t.kind == aPath && (t.field != "" || t.stage != "" || t.version != ""):
		return errors.New("a path has no field, stage or version")
	case t.stage != "" && t.version != "" && t.kind == aParameter:
		return errors.New("a parameter has a version or a label, not both")
	}
	return nil
}

// options returns what the tag says as options of a call.
func (t *tag) options() []Option {
	return []Option{func(q *query) {
		set := func(to *string, value string) {
			if value != "" {
				*to = value
			}
		}
		set(&q.ref.Stage, t.stage)
		set(&q.ref.VersionID, t.version)
		set(&q.field, t.field)
		if t.encoding != Plain {
			q.encoding = t.encoding
		}
	}}
}
