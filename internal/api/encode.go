// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// MaxAudit is the size in bytes over which a request's or response's members are
// left out of its audit record, as CloudTrail does:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
const MaxAudit = 100 << 10

// As CloudTrail writes them.
const (
	auditHidden = "HIDDEN_DUE_TO_SECURITY_REASONS"
	auditTime   = "Jan 2, 2006, 3:04:05 PM"
)

// AppendJSON appends a pointer to a generated struct as the JSON protocol carries it:
// secrets are revealed.
func AppendJSON(b []byte, v any) []byte {
	return appendStruct(b, reflect.ValueOf(v).Elem(), false)
}

// AppendAudit appends a pointer to a generated struct as an audit record shows it,
// in CloudTrail's form: names begin with a lower-case letter, times are text, and
// blobs and sensitive members are left out. It appends null if nothing is left, and
// a note instead of more than MaxAudit bytes.
func AppendAudit(b []byte, v any) []byte {
	start := len(b)
	b = appendStruct(b, reflect.ValueOf(v).Elem(), true)
	switch size := len(b) - start; {
	case size == len("{}"):
		return append(b[:start], "null"...)
	case size > MaxAudit:
		b = append(b[:start], `{"omitted":true,"originalSize":`...)
		b = strconv.AppendInt(b, int64(size), 10)
		return append(b, `,"reason":"too large"}`...)
	}
	return b
}

func appendStruct(b []byte, v reflect.Value, audit bool) []byte {
	s := ShapeOf(v.Type())
	b = append(b, '{')
	first := true
	for i := range s.Members {
		m := &s.Members[i]
		f, present := m.Field(v)
		hidden := m.rules != nil && m.rules.hidden
		if !present || audit && m.unshown() && !hidden {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		name := m.Name
		if audit {
			name = m.Lower
		}
		b = append(append(append(b, '"'), name...), '"', ':')
		if audit && hidden {
			b = append(b, `"`+auditHidden+`"`...)
			continue
		}
		b = appendValue(b, &m.Type, f, audit)
	}
	return append(b, '}')
}

// unshown reports whether audit records leave values of this type out.
func (t *Type) unshown() bool {
	return t.Kind == Bytes || t.Kind.Sensitive() || t.Elem != nil && t.Elem.unshown()
}

func appendValue(b []byte, t *Type, v reflect.Value, audit bool) []byte {
	switch t.Kind {
	case String:
		return AppendString(b, v.String())
	case Integer, Long:
		return strconv.AppendInt(b, v.Int(), 10)
	case Boolean:
		return strconv.AppendBool(b, v.Bool())
	case Timestamp:
		at := v.Addr().Interface().(*Time)
		if audit {
			return at.UTC().AppendFormat(append(b, '"'), auditTime+`"`)
		}
		return at.AppendJSON(b)
	case Bytes:
		return appendBase64(b, v.Bytes())
	case SecretText:
		return AppendString(b, v.Addr().Interface().(*secret.Text).Reveal())
	case SecretBlob:
		return appendBase64(b, v.Addr().Interface().(*secret.Blob).Reveal())
	case List:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, t.Elem, v.Index(i), audit)
		}
		return append(b, ']')
	case Map:
		return appendMap(b, t, v, audit)
	case Structure:
		return appendStruct(b, v, audit)
	}
	panic("api: a value without a kind")
}

// appendMap writes the entries in order of their keys, so that equal values have
// equal forms.
func appendMap(b []byte, t *Type, v reflect.Value, audit bool) []byte {
	if m, ok := v.Interface().(map[string]string); ok {
		return appendStrings(b, m)
	}
	keys := make([]string, 0, v.Len())
	for all := v.MapRange(); all.Next(); {
		keys = append(keys, all.Key().String())
	}
	slices.Sort(keys)
	elem := reflect.New(t.Elem.Go).Elem() // entries have no address, and secrets need one
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		elem.Set(v.MapIndex(reflect.ValueOf(key)))
		b = append(AppendString(b, key), ':')
		b = appendValue(b, t.Elem, elem, audit)
	}
	return append(b, '}')
}

// appendStrings is appendMap for the map that calls have most, the encryption context.
func appendStrings(b []byte, m map[string]string) []byte {
	var few [8]string
	keys := slices.AppendSeq(few[:0], maps.Keys(m))
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, key), ':')
		b = AppendString(b, m[key])
	}
	return append(b, '}')
}

func appendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}
