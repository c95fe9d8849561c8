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

func TestBinariesStaySmall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds two binaries")
	}
	for path, limit := range map[string]int64{"cmd/coffer-extension": maxExtension, "cmd/coffer": maxServer} {
		out := filepath.Join(t.TempDir(), "binary")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./"+path)
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
		if info.Size() > limit {
			t.Errorf("%s has %d bytes, more than %d", path, info.Size(), limit)
		}
	}
}
