// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadFirstLine holds that a secret's line is taken as a whole or not at all.
func TestReadFirstLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine)
	for name, c := range map[string]struct{ content, want, fault string }{
		"one line":             {"secret", "secret", ""},
		"its end":              {"secret\r\n", "secret", ""},
		"the first of several": {" se cret \nother\n", " se cret ", ""},
		"the longest":          {long, long, ""},
		"the longest, ended":   {long + "\nother", long, ""},
		"too long":             {long + "x", "", "longer than"},
		"an empty first line":  {"\nsecret\n", "", "empty"},
		"nothing":              {"", "", "empty"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readFirstLine(path)
		switch {
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "xxx")):
			t.Errorf("%s: %v", name, err)
		case c.fault == "" && (err != nil || got.RevealString() != c.want):
			t.Errorf("%s: %d bytes, %v", name, got.Len(), err)
		}
	}
}
