// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/iam"
)

// entries are the condition keys that a simulation supposes, in lower case.
type entries map[string][]string

// Values implements policy.Context.
func (e entries) Values(key string) ([]string, bool) {
	values, ok := e[key]
	return values, ok
}

// newEntries checks the entries of a request. Two for one key contradict each other.
func newEntries(list []iam.ContextEntry) (entries, error) {
	all := entries{}
	for _, e := range list {
		if e.ContextKeyName == nil || e.ContextKeyType == nil {
			return nil, iam.InvalidInputException.New("A context entry has a ContextKeyName and a ContextKeyType.")
		}
		name := *e.ContextKeyName
		key := strings.ToLower(name)
		if _, twice := all[key]; twice {
			return nil, iam.InvalidInputException.Newf("Duplicate context key: %s.", name)
		}
		of, isList := strings.CutSuffix(*e.ContextKeyType, "List")
		if !isList && len(e.ContextKeyValues) > 1 {
			return nil, iam.InvalidInputException.Newf("Context key %s of the type %s has more than one value.", name, of)
		}
		for _, value := range e.ContextKeyValues {
			if !entryTypes[of](value) {
				return nil, iam.InvalidInputException.Newf("Context key %s has a value that is not of the type %s.", name, of)
			}
		}
		all[key] = e.ContextKeyValues
	}
	return all, nil
}

// entryTypes say what a value of each type looks like. The model lists the types.
var entryTypes = map[string]func(string) bool{
	iam.ContextKeyTypeEnumString:  func(string) bool { return true },
	iam.ContextKeyTypeEnumNumeric: func(v string) bool { _, err := strconv.ParseFloat(v, 64); return err == nil },
	iam.ContextKeyTypeEnumBoolean: func(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") },
	iam.ContextKeyTypeEnumIp: func(v string) bool {
		_, address := netip.ParseAddr(v)
		_, network := netip.ParsePrefix(v)
		return address == nil || network == nil
	},
	iam.ContextKeyTypeEnumBinary: func(v string) bool { _, err := base64.StdEncoding.DecodeString(v); return err == nil },
	iam.ContextKeyTypeEnumDate: func(v string) bool {
		_, seconds := strconv.ParseInt(v, 10, 64)
		_, day := time.Parse(time.DateOnly, v)
		_, instant := time.Parse(time.RFC3339, v)
		_, minute := time.Parse("2006-01-02T15:04Z07:00", v)
		return seconds == nil || day == nil || instant == nil || minute == nil
	},
}
