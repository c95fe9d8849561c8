// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Decode puts the form into a pointer to a generated request. An error names the
// member whose value is of the wrong type, and does not quote the value.
func (f *Form) Decode(in any) error { return f.root.decodeStruct(reflect.ValueOf(in).Elem()) }

func (n *node) decodeStruct(v reflect.Value) error {
	s := api.ShapeOf(v.Type())
	for i := range s.Members {
		m := &s.Members[i]
		c := n.children[m.Name]
		if c == nil {
			continue
		}
		f := v.Field(m.Index)
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(m.Go))
			f = f.Elem()
		}
		if err := c.decode(&m.Type, f); err != nil {
			return fmt.Errorf("%s: %w", m.Lower, err)
		}
	}
	return nil
}

func (n *node) decode(t *api.Type, v reflect.Value) error {
	switch t.Kind {
	case api.Structure:
		return n.decodeStruct(v)
	case api.List:
		return n.decodeList(t, v)
	case api.Map:
		return n.decodeMap(t, v)
	}
	if n.children != nil {
		return errors.New("a structure where a value is expected")
	}
	return decodeText(t, v, n.text)
}

// decodeText reads a scalar.
func decodeText(t *api.Type, v reflect.Value, text string) error {
	switch t.Kind {
	case api.String:
		v.SetString(text)
	case api.SecretText:
		v.Set(reflect.ValueOf(secret.NewText(text)))
	case api.Integer, api.Long:
		if text == "" {
			return errors.New("missing value for decimal type")
		}
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return errors.New("not an integer, or out of range")
		}
		v.SetInt(i)
	case api.Boolean:
		if text != "true" && text != "false" {
			return errors.New("neither true nor false")
		}
		v.SetBool(text == "true")
	case api.Timestamp:
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return errors.New("not an ISO 8601 timestamp")
		}
		v.Set(reflect.ValueOf(api.NewTime(at)))
	case api.Bytes, api.SecretBlob:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return errors.New("not base64")
		}
		if t.Kind == api.SecretBlob {
			v.Set(reflect.ValueOf(secret.NewBlob(raw)))
			return nil
		}
		v.SetBytes(raw)
	}
	return nil
}

// decodeList reads X.member.1, X.member.2 and so on, in order of their numbers, which
// may have gaps. X with an empty value and nothing below is an empty list.
func (n *node) decodeList(t *api.Type, v reflect.Value) error {
	items, err := n.numbered("member")
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(t.Go, len(items), len(items))
	for i, item := range items {
		if err := item.decode(t.Elem, list.Index(i)); err != nil {
			return fmt.Errorf("%d: %w", i+1, err)
		}
	}
	v.Set(list)
	return nil
}

// decodeMap reads X.entry.1.key, X.entry.1.value and so on.
func (n *node) decodeMap(t *api.Type, v reflect.Value) error {
	entries, err := n.numbered("entry")
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(t.Go, len(entries))
	for i, entry := range entries {
		key, ok := entry.value("key")
		value := entry.children["value"]
		if !ok || value == nil {
			return fmt.Errorf("entry %d has no key or no value", i+1)
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := value.decode(t.Elem, elem); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		if m.MapIndex(reflect.ValueOf(key)).IsValid() {
			return fmt.Errorf("entry %d has the key of another", i+1)
		}
		m.SetMapIndex(reflect.ValueOf(key), elem)
	}
	v.Set(m)
	return nil
}

// numbered returns the children of the child with that name, which must be numbers.
func (n *node) numbered(name string) ([]*node, error) {
	parent := n.children[name]
	if parent == nil {
		if strings.TrimSpace(n.text) != "" || len(n.children) > 0 {
			return nil, fmt.Errorf("expected %s.1 and so on", name)
		}
		return nil, nil
	}
	numbers := make([]int, 0, len(parent.children))
	byNumber := make(map[int]*node, len(parent.children))
	for text, child := range parent.children {
		i, err := strconv.Atoi(text)
		if err != nil || i < 1 || strconv.Itoa(i) != text {
			return nil, fmt.Errorf("%s is numbered from 1", name)
		}
		numbers, byNumber[i] = append(numbers, i), child
	}
	slices.Sort(numbers)
	items := make([]*node, len(numbers))
	for i, number := range numbers {
		items[i] = byNumber[number]
	}
	return items, nil
}
