// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestParseTag(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf"
	for text, want := range map[string]tag{
		"db":                                   {id: "db"},
		arn + ",field=a b,stage=X":             {id: arn, field: "a b", stage: "X"},
		"/p,parameter,version=3, base64":       {id: "/p", kind: aParameter, version: "3", encoding: Base64},
		"/p,path,auto,optional":                {id: "/p", kind: aPath, encoding: Auto, optional: true},
		"db,stage=AWSCURRENT,version=abc,json": {id: "db", stage: "AWSCURRENT", version: "abc", encoding: JSON},
	} {
		got, err := parseTag(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(tag{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{
		"", ",parameter", "a b", "db,", "db,,json", "db,wrong", "db,Field=x", "db,field", "db,field=", "db,json=1", "db,json,json", "db,json,base64",
		"db,base64,auto", "/p,path,parameter", "/p,path,field=x", "/p,path,stage=x", "/p,parameter,version=1,stage=x", "\x00p", strings.Repeat("a", maxTag+1),
	} {
		if got, err := parseTag(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func FuzzParseTag(f *testing.F) {
	f.Add("db,field=a,stage=b,version=c,json,optional")
	f.Add("/p, parameter,base64")
	f.Add("/p,path,auto")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseTag(text)
		if err != nil {
			return
		}
		again := got.id
		for _, word := range []struct {
			name string
			on   bool
		}{
			{"parameter", got.kind == aParameter},
			{"path", got.kind == aPath},
			{"field=" + got.field, got.field != ""},
			{"stage=" + got.stage, got.stage != ""},
			{"version=" + got.version, got.version != ""},
			{"json", got.encoding == JSON},
			{"base64", got.encoding == Base64},
			{"auto", got.encoding == Auto},
			{"optional", got.optional},
		} {
			if word.on {
				again += "," + word.name
			}
		}
		if parsed, err := parseTag(again); err != nil || parsed != got {
			t.Errorf("%q means %+v; %q, which says the same, %+v, %v", text, got, again, parsed, err)
		}
	})
}

func FuzzTransform(f *testing.F) {
	f.Add(uint8(JSON), "a", `{"a":"b"}`)
	f.Add(uint8(Base64), "", "aGVsbG8=")
	f.Add(uint8(Auto), "", `{"a":1}`)
	f.Fuzz(func(t *testing.T, e uint8, field, value string) {
		q := query{ref: cache.Ref{ID: "x.binary"}, encoding: Encoding(e % 4), field: field}
		got, err := q.transform(q.ref.ID, secret.FromString(value))
		decoded := []byte(value)
		fails := false
		switch q.encoding.of(q.ref.ID) {
		case JSON:
			fails = !json.Valid(decoded)
		case Base64:
			var bad error
			decoded, bad = base64.StdEncoding.DecodeString(value)
			fails = bad != nil
		}
		if field == "" {
			if (err != nil) != fails || err == nil && !bytes.Equal(got.Reveal(), decoded) {
				t.Errorf("%q: %v", value, err)
			}
			return
		}
		var object map[string]any
		if json.Unmarshal(decoded, &object) != nil || object[field] == nil {
			fails = true
		}
		if (err != nil) != fails {
			t.Errorf("field %q of %q: %v", field, value, err)
		} else if text, ok := object[field].(string); ok && !fails && text != got.RevealString() {
			t.Errorf("field %q of %q is %q", field, value, got.RevealString())
		}
	})
}
