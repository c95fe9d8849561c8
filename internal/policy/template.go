// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
)

// template is a text of a document: pieces in which wildcards mean something, pieces
// that are taken as they are, and variables.
type template []piece

// piece is a part of a template.
type piece struct {
	// text is what the document says or, of a variable, its default.
	text string
	// verbatim says that a wildcard in the text is a character like others. The values
	// of variables are so too: whoever names a user * does not widen a policy.
	verbatim bool
	// key is the condition key of a variable, in lower case, and name the key as it is
	// written. They are empty otherwise.
	key, name string
	// defaulted says that a variable has a default.
	defaulted bool
}

var errVariable = errors.New("a policy variable is written ${key} or ${key, 'default'}")

// parseTemplate reads a text in which ${key} is a variable, and ${*}, ${?} and ${$}
// are the characters in the braces. Under the older language they are text.
func parseTemplate(s, version string) (template, error) {
	if version != Version2012 || !strings.Contains(s, "${") {
		return template{{text: s}}, nil
	}
	var t template
	for {
		before, rest, found := strings.Cut(s, "${")
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			return t, nil
		}
		p, rest, ok := parseVariable(rest)
		if !ok {
			return nil, errVariable
		}
		t, s = append(t, p), rest
	}
}

// parseVariable reads what follows ${, and returns what follows the closing brace.
func parseVariable(s string) (p piece, rest string, ok bool) {
	if len(s) > 1 && s[1] == '}' && strings.Contains("*?$", s[:1]) {
		return piece{text: s[:1], verbatim: true}, s[2:], true
	}
	i := strings.IndexAny(s, "},'{$")
	if i < 1 {
		return p, "", false
	}
	p.name, rest = strings.TrimSpace(s[:i]), s[i:]
	p.key = strings.ToLower(p.name)
	if text, found := strings.CutPrefix(rest, ","); found {
		text, found = strings.CutPrefix(strings.TrimLeft(text, " "), "'")
		end := strings.IndexByte(text, '\'')
		if !found || end < 0 {
			return p, "", false
		}
		p.text, p.defaulted, rest = text[:end], true, text[end+1:]
	}
	rest, ok = strings.CutPrefix(rest, "}")
	return p, rest, ok && p.key != ""
}

// open reports whether the template has variables.
func (t template) open() bool {
	for i := range t {
		if t[i].key != "" {
			return true
		}
	}
	return false
}

// closed returns the template with the request's values in the place of variables. It
// fails if one has no value, or more than one: AWS takes such a text for null, which
// is equal to nothing and like nothing.
func (t template) closed(req *Request) (template, bool) {
	out := make(template, len(t))
	for i, p := range t {
		if p.key == "" {
			out[i] = p
			continue
		}
		values, ok := req.values(p.key)
		switch {
		case ok && len(values) == 1:
			out[i] = piece{text: values[0], verbatim: true}
		case p.defaulted && len(values) == 0:
			out[i] = piece{text: p.text, verbatim: true}
		default:
			return nil, false
		}
	}
	return out, true
}

// String returns the text of a template without variables.
func (t template) String() string {
	if len(t) == 1 {
		return t[0].text
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
	}
	return b.String()
}
