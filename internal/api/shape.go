// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Kind is what a value is on the wire.
type Kind uint8

// The kinds, with the Go types that the generator writes for them.
const (
	String     Kind = iota + 1 // string
	Integer                    // int32
	Long                       // int64
	Boolean                    // bool
	Timestamp                  // Time
	Bytes                      // []byte
	SecretText                 // secret.Text
	SecretBlob                 // secret.Blob
	List                       // []T
	Map                        // map[string]T
	Structure                  // a generated struct
)

// Sensitive reports whether values of this kind are plaintext, which no message and
// no audit record may show.
func (k Kind) Sensitive() bool { return k == SecretText || k == SecretBlob }

// A Shape is what the tags of one generated struct say. It is never changed.
type Shape struct {
	// Members are in the model's order.
	Members []Member
	byName  map[string]int
}

// A Member is one field of a generated struct.
type Member struct {
	// Name is the name on the wire: "SecretId".
	Name string
	// Lower is the name in validation errors and audit records, where only the first
	// letter differs: "secretId", and "aRN" of "ARN".
	Lower string
	// Index is the field's index in the struct.
	Index int
	// Type describes the value.
	Type
}

// A Type describes a member's value, a list's elements or a map's values.
type Type struct {
	// Kind tells what the value is.
	Kind Kind
	// Go is the Go type, without the pointer of an optional member.
	Go reflect.Type
	// Elem describes the elements of a List and the values of a Map.
	Elem *Type

	rules *rules // nil if anything goes
	key   *rules // of a map's keys
}

// Field returns the member's field in a struct of the shape's type, dereferenced.
// It reports false if the member is absent.
func (m *Member) Field(v reflect.Value) (reflect.Value, bool) {
	f := v.Field(m.Index)
	switch m.Kind {
	case List, Map, Bytes:
		return f, !f.IsNil()
	case SecretText, SecretBlob:
		return f, !f.IsZero()
	}
	if f.IsNil() {
		return f, false
	}
	return f.Elem(), true
}

// Lookup returns the member with exactly this name on the wire, or nil.
func (s *Shape) Lookup(name []byte) *Member {
	if i, ok := s.byName[string(name)]; ok {
		return &s.Members[i]
	}
	return nil
}

// shapes caches what ShapeOf made, by reflect.Type: facts that can't change once the
// program is built.
var shapes sync.Map

// ShapeOf returns the shape of a generated struct's type. It panics for a type that
// the generator does not write: no input leads there.
func ShapeOf(t reflect.Type) *Shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*Shape)
	}
	s, _ := shapes.LoadOrStore(t, compile(t))
	return s.(*Shape)
}

func compile(t reflect.Type) *Shape {
	s := &Shape{Members: make([]Member, t.NumField()), byName: make(map[string]int, t.NumField())}
	for i := range s.Members {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !f.IsExported() {
			panic(fmt.Sprintf("api: %s.%s is not a generated field", t, f.Name))
		}
		m := Member{Name: name, Lower: strings.ToLower(name[:1]) + name[1:], Index: i, Type: typeOf(f.Type)}
		m.rules, m.key = parseRules(f.Tag.Get("aws")), parseRules(f.Tag.Get("key"))
		if m.Elem != nil {
			m.Elem.rules = parseRules(f.Tag.Get("each") + f.Tag.Get("value"))
		}
		s.Members[i], s.byName[name] = m, i
	}
	return s
}

var (
	timeType = reflect.TypeFor[Time]()
	textType = reflect.TypeFor[secret.Text]()
	blobType = reflect.TypeFor[secret.Blob]()
)

// typeOf describes a Go type, looking through the pointer of an optional member.
func typeOf(t reflect.Type) Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := Kind(0)
	switch {
	case t == timeType:
		kind = Timestamp
	case t == textType:
		kind = SecretText
	case t == blobType:
		kind = SecretBlob
	case t.Kind() == reflect.String:
		kind = String
	case t.Kind() == reflect.Int32:
		kind = Integer
	case t.Kind() == reflect.Int64:
		kind = Long
	case t.Kind() == reflect.Bool:
		kind = Boolean
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		kind = Bytes
	case t.Kind() == reflect.Slice:
		return Type{Kind: List, Go: t, Elem: new(typeOf(t.Elem()))}
	case t.Kind() == reflect.Map:
		return Type{Kind: Map, Go: t, Elem: new(typeOf(t.Elem()))}
	case t.Kind() == reflect.Struct:
		kind = Structure
	default:
		panic("api: no kind for the Go type " + t.String())
	}
	return Type{Kind: kind, Go: t}
}
