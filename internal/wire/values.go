// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// bytes reads what is kept as bytes. No string is made of it on the way: a secret in a
// string can't be wiped.
func (d *decoder) bytes(t *api.Type, v reflect.Value) error {
	quoted, err := d.ReadValue()
	if err != nil {
		return err
	}
	raw, err := jsontext.AppendUnquote(make([]byte, 0, len(quoted)), quoted)
	if err != nil {
		return err
	}
	if t.Kind == api.SecretText {
		v.Set(reflect.ValueOf(secret.Text{Value: secret.New(raw)}))
		return nil
	}
	blob, err := base64.StdEncoding.AppendDecode(nil, raw)
	clear(raw)
	switch {
	case err != nil:
		return api.SerializationException.New("A value can not be converted to a Blob: it is not base64.")
	case t.Kind == api.Bytes:
		v.SetBytes(blob)
	default:
		v.Set(reflect.ValueOf(secret.NewBlob(blob)))
	}
	return nil
}

func scalar(token jsontext.Token, t *api.Type, v reflect.Value) error {
	switch t.Kind {
	case api.String:
		v.SetString(token.String())
	case api.Boolean:
		v.SetBool(token.Bool())
	case api.Integer:
		return integer(token, v, math.MinInt32, math.MaxInt32)
	case api.Long:
		return integer(token, v, math.MinInt64, math.MaxInt64)
	case api.Timestamp:
		var at api.Time
		if err := at.UnmarshalJSON([]byte(token.String())); err != nil {
			return api.SerializationException.New("A timestamp is out of range.")
		}
		v.Set(reflect.ValueOf(at))
	}
	return nil
}

// integer reads a number as AWS does: a fraction is cut off, a number out of range is
// refused.
func integer(token jsontext.Token, v reflect.Value, low, high int64) error {
	n, err := strconv.ParseInt(token.String(), 10, 64)
	if err != nil {
		f, err := token.Float()
		if err != nil || math.Abs(f) > 1<<53 { // beyond it, a float is no longer exact
			return api.SerializationException.New("A number is out of range.")
		}
		n = int64(f) // cut
	}
	if n < low || n > high {
		return api.SerializationException.New("A number is out of range.")
	}
	v.SetInt(n)
	return nil
}
