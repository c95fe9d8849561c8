// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package arch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Sizes that the binaries must stay under, in bytes: the extension adds to every cold
// start, and the server is to be one file that is quickly copied.
const (
	maxExtension = 7_500_000
	maxServer    = 25_000_000
)

// extensionTags are what the extension is built with wherever it is built to be used. It
// speaks HTTP/1.1 to both sides, and without net/http's HTTP/2 it is 8 % smaller.
const extensionTags = "nethttpomithttp2"

func TestBinariesStaySmall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds two binaries")
	}
	for path, binary := range map[string]struct {
		limit int64
		tags  string
	}{"cmd/coffer-extension": {maxExtension, extensionTags}, "cmd/coffer": {limit: maxServer}} {
		out := filepath.Join(t.TempDir(), "binary")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags="+binary.tags, "-o", out, "./"+path)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", path, err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", path, info.Size())
		if info.Size() > binary.limit {
			t.Errorf("%s has %d bytes, more than %d", path, info.Size(), binary.limit)
		}
	}
}
