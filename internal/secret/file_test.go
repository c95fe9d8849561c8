// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if _, err := secret.FromFile(path, 8); err == nil {
		t.Error("a file that is not there was read")
	}
	for content, want := range map[string]string{
		"token": "token", " token\r\n": "token", "two words": "", "12345678": "12345678", "": "", " \n": "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.FromFile(path, 8)
		if (err != nil) != (want == "") || err == nil && got.RevealString() != want {
			t.Errorf("%q: %v, %v", content, got.Len(), err)
		}
	}
}
