// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
)

func FuzzDecode(f *testing.F) {
	for _, body := range []string{`{}`, `{"A":"x\u00e9\n","B":1,"C":null,"D":[true]}`, `null`, `[`, `{"A":"`, "{\"A\":\"\xff\"}"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]any
		valid := json.Unmarshal(body, &want) == nil && want != nil
		given := bytes.Clone(body)
		got, err := decode(given)
		if (err == nil) != valid {
			t.Fatalf("valid %t: %v", valid, err)
		}
		if len(bytes.Trim(given, "\x00")) > 0 {
			t.Error("the body was not overwritten")
		}
		for name, v := range want {
			text, isText := v.(string)
			value, found := got[name]
			if found != (v != nil) || isText && value.RevealString() != text {
				t.Errorf("%q is %v, found %t", name, v, found)
			}
		}
	})
}

func TestAReplacedConfigIsOverwritten(t *testing.T) {
	t.Parallel()
	var c config
	c.replace(&download{etag: "1", secrets: must(t, `{"A":"hunter2"}`)})
	old := c.content.secrets["A"].value
	c.replace(&download{etag: "2", secrets: must(t, `{"A":"hunter3"}`)})
	if strings.Contains(old.RevealString(), "hunter") {
		t.Error("the old value is still there")
	}
	if c.content.secrets["A"].version != "2/A" {
		t.Error(c.content.secrets["A"].version)
	}
}

func TestMarkFitsAHeader(t *testing.T) {
	t.Parallel()
	for etag, want := range map[string]string{`"a"`: "a", `W/"b"`: "b", "c": "c"} {
		if got := mark(etag); got != want {
			t.Errorf("%s: %s", etag, got)
		}
	}
	for _, etag := range []string{"", `""`, "\"a b\"", "\"\x80\"", strings.Repeat("x", 200)} {
		if a, b := mark(etag), mark(etag); a == b || strings.Contains(a, "x") {
			t.Errorf("%q: %q and %q", etag, a, b)
		}
	}
}

func must(t *testing.T, body string) (secrets map[string]secret.Value) {
	t.Helper()
	secrets, err := decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}
