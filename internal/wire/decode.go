// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
)

// maxDepth is how deep a body may nest, in members that the model does not know, too.
// No model of AWS's goes beyond six.
const maxDepth = 32

// decodeJSON reads a body of the JSON protocol into a pointer to a generated request.
// It is strict: names are exact, no member comes twice, text is UTF-8, and nothing
// follows the object. As AWS does, it ignores members that the model does not know,
// takes null for absent (and leaves it out of lists), and cuts the fraction off a
// number that should be whole. No value is in an error.
func decodeJSON(body []byte, in any) *api.Error {
	d := decoders.Get().(*decoder)
	d.source = *bytes.NewBuffer(body)
	d.Reset(&d.source)
	err := d.request(reflect.ValueOf(in).Elem())
	var answer *api.Error
	if err != nil && !errors.As(err, &answer) {
		answer = invalid(err, d)
	}
	d.source = bytes.Buffer{} // so that the pool holds no body
	d.Reset(&d.source)
	decoders.Put(d)
	return answer
}

// decoders are reused for the tables of names that they have grown: most of what
// reading a short body would cost. Between two requests they hold no body.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// invalid says what is wrong with a body that is not JSON as we take it. AWS answers
// such a body without a message.
func invalid(err error, d *decoder) *api.Error {
	what := "invalid JSON"
	switch syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		what = "a member is there twice"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		what = "the JSON ends too early"
	case ok && syntactic.Err != nil && syntactic.Err.Error() == "invalid UTF-8":
		what = "invalid UTF-8"
	}
	return api.SerializationException.Newf("The request body can't be read: %s, at byte %d.", what, d.InputOffset())
}

// A decoder reads tokens. What it returns of *api.Error is the answer.
type decoder struct {
	jsontext.Decoder
	source bytes.Buffer
}

func (d *decoder) request(v reflect.Value) error {
	switch d.PeekKind() {
	case '{':
	case '[':
		return api.SerializationException.New(startOfList)
	case '"', '0', 't', 'f', 'n':
		return api.SerializationException.New("The request body is not a JSON object.")
	default:
		_, err := d.ReadToken()
		return err
	}
	if err := d.structure(v); err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return api.SerializationException.Newf("The request body goes on after the JSON object, at byte %d.", d.InputOffset())
	}
	return nil
}

// structure reads an object. The caller has peeked at its brace.
func (d *decoder) structure(v reflect.Value) error {
	s := api.ShapeOf(v.Type())
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		m := d.lookup(s, name)
		if m == nil {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if err := d.member(m, v.Field(m.Index)); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// lookup finds the member of a quoted name.
func (d *decoder) lookup(s *api.Shape, quoted []byte) *api.Member {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return s.Lookup(quoted[1 : len(quoted)-1])
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return nil
	}
	return s.Lookup(name)
}

func (d *decoder) member(m *api.Member, f reflect.Value) error {
	if d.PeekKind() == 'n' {
		_, err := d.ReadToken()
		return err
	}
	if f.Kind() == reflect.Pointer {
		f.Set(reflect.New(m.Go))
		f = f.Elem()
	}
	return d.value(&m.Type, f)
}

// skip reads over a value that the model does not know.
func (d *decoder) skip() error {
	for depth := d.StackDepth(); ; {
		if d.StackDepth() > maxDepth {
			return api.SerializationException.Newf("The request body nests deeper than %d levels.", maxDepth)
		}
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		if d.StackDepth() <= depth {
			return nil
		}
	}
}

// value reads a value of the given type, which is not null.
func (d *decoder) value(t *api.Type, v reflect.Value) error {
	if err := fits(d.PeekKind(), t.Kind); err != nil {
		return err
	}
	switch t.Kind {
	case api.Structure:
		return d.structure(v)
	case api.List:
		return d.list(t, v)
	case api.Map:
		return d.entries(t, v)
	}
	if t.Kind.Sensitive() || t.Kind == api.Bytes {
		return d.bytes(t, v)
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	return scalar(token, t, v)
}

func (d *decoder) list(t *api.Type, v reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	list := reflect.MakeSlice(t.Go, 0, 4)
	for d.PeekKind() != ']' {
		if d.PeekKind() == 'n' {
			if _, err := d.ReadToken(); err != nil {
				return err
			}
			continue
		}
		n := list.Len()
		list = reflect.Append(list, reflect.Zero(t.Elem.Go))
		if err := d.value(t.Elem, list.Index(n)); err != nil {
			return err
		}
	}
	v.Set(list)
	_, err := d.ReadToken()
	return err
}

func (d *decoder) entries(t *api.Type, v reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	m := reflect.MakeMap(t.Go)
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := key.String()
		if d.PeekKind() == 'n' {
			if _, err := d.ReadToken(); err != nil {
				return err
			}
			continue
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := d.value(t.Elem, elem); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(name), elem)
	}
	v.Set(m)
	_, err := d.ReadToken()
	return err
}
