// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"reflect"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Validate checks a pointer to a generated request against its constraints. It
// returns nil, or a ValidationException that tells all violations (up to
// maxViolations) in AWS's words. No sensitive value is in it.
//
// Lengths are counted in code points for strings, bytes for blobs and items for
// lists and maps: https://smithy.io/2.0/spec/constraint-traits.html#length-trait.
func Validate(in any) *Error {
	v := reflect.ValueOf(in).Elem()
	shape := ShapeOf(v.Type())
	if shape.check(v, nil, "") {
		return nil
	}
	r := new(report)
	shape.check(v, r, "")
	return ValidationException.New(r.message())
}

// Validate is the function Validate, with the error code that this service answers:
// the Query services say ValidationError.
func (s *Service) Validate(in any) *Error {
	err := Validate(in)
	if err != nil && s.Protocol == Query {
		err.ErrorCode = ValidationError
	}
	return err
}

// check reports whether v keeps all rules. Without a report it stops at the first
// that v breaks, and allocates nothing; with one it goes on and writes them down.
func (s *Shape) check(v reflect.Value, r *report, prefix string) bool {
	ok := true
	for i := range s.Members {
		m := &s.Members[i]
		f, present := m.Field(v)
		switch {
		case present:
			ok = m.Type.check(f, r, prefix, m.Lower) && ok
		case m.rules != nil && m.rules.required:
			ok = false
			r.missing(&m.Type, prefix+m.Lower)
		}
		if !ok && r == nil {
			return false
		}
	}
	return ok
}

// check is check for one value, at the path prefix+name.
func (t *Type) check(v reflect.Value, r *report, prefix, name string) bool {
	ok := true
	if t.rules != nil && !t.holds(v) {
		ok = false
		r.broken(t, v, prefix+name)
	}
	switch t.Kind {
	case Structure:
		return ShapeOf(t.Go).check(v, r, r.path(prefix, name, -1)) && ok
	case List:
		return t.checkList(v, r, prefix, name) && ok
	case Map:
		return t.checkMap(v, r, prefix+name) && ok
	}
	return ok
}

// checkList reports elements that are structures one by one, and others once for
// the whole list, as AWS does.
func (t *Type) checkList(v reflect.Value, r *report, prefix, name string) bool {
	ok := true
	if t.Elem.Kind == Structure {
		shape := ShapeOf(t.Elem.Go)
		for i := range v.Len() {
			ok = shape.check(v.Index(i), r, r.path(prefix, name, i)) && ok
			if r.full() || !ok && r == nil {
				break
			}
		}
		return ok
	}
	if t.Elem.rules == nil {
		return true
	}
	for i := range v.Len() {
		if !t.Elem.holds(v.Index(i)) {
			r.elements("Member", t, t.Elem.rules, v, prefix+name)
			return false
		}
	}
	return true
}

// checkMap reports keys once and values once.
func (t *Type) checkMap(v reflect.Value, r *report, path string) bool {
	keys, values := true, true
	for entries := v.MapRange(); (t.key != nil || t.Elem.rules != nil) && entries.Next(); {
		if key := entries.Key().String(); t.key != nil {
			keys = keys && t.key.holdsString(key, utf8.RuneCountInString(key))
		}
		values = values && (t.Elem.rules == nil || t.Elem.holds(entries.Value()))
	}
	if !keys {
		r.elements("Map keys", t, t.key, v, path)
	}
	if !values {
		r.elements("Map value", t, t.Elem.rules, v, path)
	}
	return keys && values
}

// holds reports whether v keeps the rules of t itself, its parts aside.
func (t *Type) holds(v reflect.Value) bool {
	switch r := t.rules; t.Kind {
	case String:
		s := v.String()
		return r.holdsString(s, utf8.RuneCountInString(s))
	case SecretText:
		text := v.Addr().Interface().(*secret.Text).Reveal()
		return r.length.hold(int64(utf8.RuneCount(text))) &&
			(r.pattern == "" && r.enum == nil || r.holdsString(string(text), utf8.RuneCount(text)))
	case SecretBlob:
		return r.length.hold(int64(v.Addr().Interface().(*secret.Blob).Len()))
	case Bytes, List, Map:
		return r.length.hold(int64(v.Len()))
	case Integer, Long:
		return r.value.hold(v.Int())
	}
	return true
}
