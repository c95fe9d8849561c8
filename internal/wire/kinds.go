// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
)

// What AWS says of a value of the wrong type, as its services answer it.
const (
	startOfList = "Start of list found where not expected"
	startOfMap  = "Start of structure or map found where not expected."
)

// fits returns nil if JSON of one kind can be a value of the other, and AWS's error if
// not. What is no JSON at all fits everything: reading it fails.
func fits(got jsontext.Kind, want api.Kind) error {
	switch got {
	case '{':
		if want != api.Structure && want != api.Map {
			return api.SerializationException.New(startOfMap)
		}
	case '[':
		if want != api.List {
			return api.SerializationException.New(startOfList)
		}
	case '"', '0', 't', 'f':
		if message := mismatch(got, want); message != "" {
			return api.SerializationException.New(message)
		}
	}
	return nil
}

// mismatch says why a scalar can't be a value of that kind, or nothing if it can.
func mismatch(got jsontext.Kind, want api.Kind) string {
	target, takes := "", jsontext.Kind(0)
	switch want {
	case api.Structure:
		return "Expected null"
	case api.List:
		return "Expected list or null"
	case api.Map:
		return "Expected map or null"
	case api.String, api.SecretText:
		target, takes = "a String", '"'
	case api.Bytes, api.SecretBlob:
		target, takes = "a Blob", '"'
	case api.Integer:
		target, takes = "an Integer", '0'
	case api.Long:
		target, takes = "a Long", '0'
	case api.Timestamp:
		target, takes = "a Timestamp", '0'
	case api.Boolean:
		target, takes = "a Boolean", 't'
	}
	if got == takes || got == 'f' && takes == 't' {
		return ""
	}
	return named(got) + "_VALUE can not be converted to " + target
}

func named(scalar jsontext.Kind) string {
	switch scalar {
	case '"':
		return "STRING"
	case '0':
		return "NUMBER"
	case 't':
		return "TRUE"
	}
	return "FALSE"
}
