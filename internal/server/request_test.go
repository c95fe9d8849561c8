// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// sample makes requests of the models: each required member is set to what a table has for
// its name, and else to something of its type; any member to what it has for the operation
// and the name.
type sample struct {
	operation string
	values    map[string]any
}

func (s sample) fill(v reflect.Value) {
	for field, f := range v.Fields() {
		_, wanted := s.values[s.operation+"."+field.Name]
		if !wanted && !strings.Contains(field.Tag.Get("aws"), "required") {
			continue
		}
		f.Set(s.of(f.Type(), field.Name, field.Tag))
	}
}

// value is what the tables have. Nil leaves a member out.
func (s sample) value(name string) (any, bool) {
	if v, ok := s.values[s.operation+"."+name]; ok {
		return v, true
	}
	v, ok := s.values[name]
	return v, ok
}

// of makes a value of a type for the member of that name.
func (s sample) of(t reflect.Type, name string, tag reflect.StructTag) reflect.Value {
	if v, ok := s.value(name); ok {
		if v == nil {
			return reflect.Zero(t)
		}
		if given := reflect.ValueOf(v); given.Type() == t {
			return given
		} else if t.Kind() == reflect.Pointer && given.Type() == t.Elem() {
			p := reflect.New(t.Elem())
			p.Elem().Set(given)
			return p
		} else if t.Kind() == reflect.Slice && given.Type() == t.Elem() {
			return reflect.Append(reflect.MakeSlice(t, 0, 1), given)
		}
	}
	switch t {
	case reflect.TypeFor[secret.Text]():
		return reflect.ValueOf(secret.NewText("a-text-of-a-secret"))
	case reflect.TypeFor[secret.Blob]():
		return reflect.ValueOf(secret.NewBlob([]byte("a-blob-of-a-secret")))
	case reflect.TypeFor[api.Time]():
		return reflect.ValueOf(api.NewTime(time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)))
	case reflect.TypeFor[[]byte]():
		return reflect.ValueOf([]byte("some bytes"))
	}
	switch t.Kind() {
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		p.Elem().Set(s.of(t.Elem(), name, tag))
		return p
	case reflect.Struct:
		v := reflect.New(t).Elem()
		s.fill(v)
		return v
	case reflect.Slice:
		each := reflect.StructTag(`aws:"` + tag.Get("each") + `"`)
		return reflect.Append(reflect.MakeSlice(t, 0, 1), s.of(t.Elem(), name, each))
	case reflect.Map:
		m := reflect.MakeMap(t)
		m.SetMapIndex(reflect.ValueOf("key").Convert(t.Key()), s.of(t.Elem(), name, tag))
		return m
	case reflect.String:
		return reflect.ValueOf(text(tag.Get("aws"))).Convert(t)
	case reflect.Bool:
		return reflect.ValueOf(true)
	}
	return reflect.ValueOf(number(tag.Get("aws"))).Convert(t)
}

// rule is one of the rules of a tag, such as len or enum.
func rule(tag, name string) string {
	for part := range strings.SplitSeq(tag, "; ") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			return value
		}
	}
	return ""
}

// text is one that a tag allows, as long as no pattern forbids it.
func text(tag string) string {
	if first, _, _ := strings.Cut(rule(tag, "enum"), "|"); first != "" {
		return first
	}
	least, _, _ := strings.Cut(rule(tag, "len"), "..")
	n, _ := strconv.Atoi(least)
	return strings.Repeat("a", max(n, 8))
}

func number(tag string) int {
	least, _, _ := strings.Cut(rule(tag, "range"), "..")
	n, _ := strconv.Atoi(least)
	return max(n, 1)
}
