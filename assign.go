// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[[]byte]()
	stringsType  = reflect.TypeFor[[]string]()
)

// assign decodes a value into a field. No error has anything of the value.
func assign(field reflect.Value, t *tag, value secret.Value) error {
	if field.Kind() == reflect.Pointer {
		to := reflect.New(field.Type().Elem())
		if err := assign(to.Elem(), t, value); err != nil {
			return err
		}
		field.Set(to)
		return nil
	}
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if u.UnmarshalText(value.Clone().Reveal()) != nil { // it may keep the bytes; its error may quote them
			return fmt.Errorf("the value is not a %s", field.Type())
		}
		return nil
	}
	switch {
	case field.Type() == bytesType:
		field.SetBytes(value.Clone().Reveal())
	case field.Type() == stringsType && t.kind == aParameter && t.encoding.of(t.id) != JSON:
		field.Set(reflect.ValueOf(strings.Split(value.RevealString(), ",")))
	case field.Kind() == reflect.Struct || field.Kind() == reflect.Slice || field.Kind() == reflect.Map:
		to := reflect.New(field.Type())
		if err := decodeJSON(t.id, value, to.Interface()); err != nil {
			e, _ := errors.AsType[*Error](err)
			return e.Err
		}
		field.Set(to.Elem())
	default:
		return assignText(field, value.RevealString())
	}
	return nil
}

// assignText parses the value of a field that is neither bytes nor made of others.
func assignText(field reflect.Value, text string) error {
	bits := 0
	if field.CanInt() || field.CanUint() || field.CanFloat() {
		bits = field.Type().Bits()
	}
	var err error
	switch {
	case field.Kind() == reflect.String:
		field.SetString(text)
	case field.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		field.SetBool(b)
	case field.Type() == durationType:
		var d time.Duration
		d, err = time.ParseDuration(text)
		field.SetInt(int64(d))
	case field.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, bits)
		field.SetInt(n)
	case field.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, bits)
		field.SetUint(n)
	case field.CanFloat():
		var f float64
		f, err = strconv.ParseFloat(text, bits)
		field.SetFloat(f)
	default:
		return fmt.Errorf("a field can't be a %s", field.Type())
	}
	if err != nil {
		return fmt.Errorf("the value is not a %s", field.Type())
	}
	return nil
}
