// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"bytes"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func FuzzFile(f *testing.F) {
	e := entry{header{"key", "arn", "version", 42}, []byte("sealed")}
	f.Add(encode([]entry{e, e}))
	f.Add([]byte(magic))
	f.Add([]byte("coffer"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := decode(data)
		if err == nil && len(entries) < maxEntries && !bytes.Equal(encode(entries), data) && len(data) > 0 {
			t.Errorf("%d entries are written differently", len(entries))
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add(marshal(&cache.Value{Text: secret.FromString("x"), Stages: []string{"A"}, Parameter: &cache.ParameterInfo{Type: new("String")}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := unmarshal(data)
		if err != nil {
			return
		}
		if again, err := unmarshal(marshal(&v)); err != nil || !again.Text.Equal(v.Text) || !again.Binary.Equal(v.Binary) || again.ARN != v.ARN {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}
