// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// The bounds of a validation message, which AWS leaves to the size of the request.
const (
	maxViolations = 25   // told in one message
	maxEchoed     = 4096 // bytes of a value told in one violation
)

// A report gathers violations in AWS's words. A nil report takes none.
type report struct{ violations []string }

// message joins the violations as AWS does.
func (r *report) message() string {
	noun := "errors"
	if len(r.violations) == 1 {
		noun = "error"
	}
	return fmt.Sprintf("%d validation %s detected: %s", len(r.violations), noun, strings.Join(r.violations, "; "))
}

// full reports whether no more violations are taken.
func (r *report) full() bool { return r != nil && len(r.violations) >= maxViolations }

// path returns the prefix of members below name, or below its i-th element if i is
// not negative. Paths are made for reports only.
func (r *report) path(prefix, name string, i int) string {
	switch {
	case r == nil:
		return ""
	case i < 0:
		return prefix + name + "."
	}
	return prefix + name + "." + strconv.Itoa(i+1) + ".member."
}

func (r *report) add(value, path, constraint string) {
	if r != nil && !r.full() {
		r.violations = append(r.violations, "Value "+value+"at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

// missing reports a required member that is absent.
func (r *report) missing(t *Type, path string) {
	value := "null "
	if t.Kind.Sensitive() {
		value = ""
	}
	r.add(value, path, "Member must not be null")
}

// broken reports each of its own rules that v breaks.
func (r *report) broken(t *Type, v reflect.Value, path string) {
	if r == nil {
		return
	}
	value, rules := echo(t, v), t.rules
	text, length := "", 0
	switch t.Kind {
	case String:
		text = v.String()
		length = utf8.RuneCountInString(text)
	case SecretText:
		text = v.Addr().Interface().(*secret.Text).RevealString()
		length = utf8.RuneCountInString(text)
	case SecretBlob:
		length = v.Addr().Interface().(*secret.Blob).Len()
	case Bytes, List, Map:
		length = v.Len()
	case Integer, Long:
		if !rules.value.hold(v.Int()) {
			r.add(value, path, rules.value.broken("value", v.Int()))
		}
	}
	if rules.pattern != "" && !rules.matches(text) {
		r.add(value, path, rules.patternMessage())
	}
	if !rules.length.hold(int64(length)) {
		r.add(value, path, rules.length.broken("length", int64(length)))
	}
	if rules.enum != nil && !slices.Contains(rules.enum, text) {
		r.add(value, path, rules.enumMessage())
	}
}

// elements reports a list or map of which a part breaks the given rules.
func (r *report) elements(subject string, t *Type, rules *rules, v reflect.Value, path string) {
	if r != nil {
		r.add(echo(t, v), path, subject+" must satisfy constraint: ["+strings.Join(rules.messages(), ", ")+"]")
	}
}

// echo returns a value as a violation shows it, with a space after it. Sensitive
// values, blobs and collections of structures are not shown.
func echo(t *Type, v reflect.Value) string {
	s, ok := show(t, v)
	if !ok {
		return ""
	}
	return "'" + Cut(s, maxEchoed) + "' "
}

func show(t *Type, v reflect.Value) (string, bool) {
	switch t.Kind {
	case String:
		return v.String(), true
	case Integer, Long:
		return strconv.FormatInt(v.Int(), 10), true
	case Boolean:
		return strconv.FormatBool(v.Bool()), true
	case List:
		var parts []string
		for i := range v.Len() {
			s, ok := show(t.Elem, v.Index(i))
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	case Map:
		parts := map[string]string{}
		for entries := v.MapRange(); entries.Next(); {
			s, ok := show(t.Elem, entries.Value())
			if !ok {
				return "", false
			}
			parts[entries.Key().String()] = s
		}
		var sorted []string
		for _, key := range slices.Sorted(maps.Keys(parts)) {
			sorted = append(sorted, key+"="+parts[key])
		}
		return "{" + strings.Join(sorted, ", ") + "}", true
	}
	return "", false
}
