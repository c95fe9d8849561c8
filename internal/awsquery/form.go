// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
)

// EncodeForm returns the body of a request: the operation, its version, and a pointer
// to a generated struct with its secrets revealed.
func EncodeForm(service *api.Service, operation string, in any) []byte {
	b := append([]byte("Action="), url.QueryEscape(operation)...)
	b = append(append(b, "&Version="...), url.QueryEscape(service.Version)...)
	return appendStruct(b, "", reflect.ValueOf(in).Elem())
}

func appendStruct(b []byte, prefix string, v reflect.Value) []byte {
	s := api.ShapeOf(v.Type())
	for i := range s.Members {
		if f, present := s.Members[i].Field(v); present {
			b = appendValue(b, prefix+s.Members[i].Name, &s.Members[i].Type, f)
		}
	}
	return b
}

func appendValue(b []byte, name string, t *api.Type, v reflect.Value) []byte {
	switch t.Kind {
	case api.Structure:
		return appendStruct(b, name+".", v)
	case api.List:
		for i := range v.Len() {
			b = appendValue(b, name+".member."+strconv.Itoa(i+1), t.Elem, v.Index(i))
		}
		if v.Len() > 0 {
			return b
		}
	case api.Map:
		for i, entry := range entries(t, v) {
			at := name + ".entry." + strconv.Itoa(i+1)
			b = appendPair(b, at+".key", entry.key)
			b = appendValue(b, at+".value", t.Elem, entry.value)
		}
		if v.Len() > 0 {
			return b
		}
	}
	return appendPair(b, name, text(t, v))
}

func appendPair(b []byte, name, value string) []byte {
	b = append(append(b, '&'), url.QueryEscape(name)...)
	return append(append(b, '='), url.QueryEscape(value)...)
}

// An entry is one of a map. Its value can be addressed.
type entry struct {
	key   string
	value reflect.Value
}

// entries returns a map's entries in order of their keys.
func entries(t *api.Type, v reflect.Value) []entry {
	keys := make([]string, 0, v.Len())
	for all := v.MapRange(); all.Next(); {
		keys = append(keys, all.Key().String())
	}
	slices.Sort(keys)
	out := make([]entry, len(keys))
	for i, key := range keys {
		value := reflect.New(t.Elem.Go).Elem()
		value.Set(v.MapIndex(reflect.ValueOf(key)))
		out[i] = entry{key, value}
	}
	return out
}
