// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/coffer-secrets/coffer"

// BuildOwn builds a program of this module from its source, in the directory work, and
// returns its path. The source is that of the module in the working directory, or the
// module's that it depends on.
func BuildOwn(ctx context.Context, work, name, source string) (string, error) {
	root, err := run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return "", fmt.Errorf("finding the source of %s, which is in a checkout of %s: %w", name, module, err)
	}
	out := filepath.Join(work, name)
	if err := build(ctx, strings.TrimSpace(root), "./"+source, out); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	return out, nil
}

// Beside returns the program of that name that is in this program's directory, or on PATH.
func Beside(name string) (path string, ok bool) {
	if own, err := os.Executable(); err == nil {
		path = filepath.Join(filepath.Dir(own), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false
	}
	path, err = filepath.Abs(path)
	return path, err == nil
}
