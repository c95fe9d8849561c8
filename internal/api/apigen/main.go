// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command apigen writes the packages below internal/api from the facts in aws/*.json.
//
// It knows shapes, not services: an operation's request and response become structs,
// constraints become struct tags, exceptions become error codes, and each operation
// becomes one api.Op. What the models say in Java's terms (patterns) it turns into
// what Go can run, and it fails on what it can't, so that nobody finds out at run time.
//
//	go generate ./internal/api            # write
//	go run ./internal/api/apigen -check   # compare only, for tests and CI
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	models := flag.String("models", "aws", "directory of the models")
	out := flag.String("out", "internal/api", "directory of the generated packages")
	check := flag.Bool("check", false, "write nothing; fail if a file would change")
	flag.Parse()
	if err := run(*models, *out, *check); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

// run writes, or compares, all files.
func run(models, out string, check bool) error {
	files, err := generate(models)
	if err != nil {
		return err
	}
	if check {
		return compare(out, files)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare fails and names the files that differ from what would be written, and
// generated files that would not be written at all.
func compare(out string, files map[string][]byte) error {
	var stale []string
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || !bytes.Equal(got, want) {
			stale = append(stale, name)
		}
	}
	for _, pattern := range []string{"*_gen.go", "*/*_gen.go"} {
		found, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			name, err := filepath.Rel(out, path)
			if err != nil {
				return err
			}
			if _, ok := files[filepath.ToSlash(name)]; !ok {
				stale = append(stale, name)
			}
		}
	}
	if len(stale) > 0 {
		slices.Sort(stale)
		return fmt.Errorf("not as the models say, run go generate ./internal/api: %s", strings.Join(stale, ", "))
	}
	return nil
}
