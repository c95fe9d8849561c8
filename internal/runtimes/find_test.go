// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package runtimes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/runtimes"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// write makes a directory of files. A name that ends in a star is of an executable.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name, executable := strings.CutSuffix(name, "*")
		path, mode := filepath.Join(dir, name), os.FileMode(0o644)
		if executable {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhatAFunctionIsIsFoundByItsFiles(t *testing.T) {
	t.Parallel()
	testneed.Program(t, "node")
	testneed.Program(t, "python3")
	const goMain = "package main\n\nfunc main() {}\n"
	for _, c := range []struct {
		name    string
		files   string // with commas between
		path    string // in the directory
		given   runtimes.Function
		runtime runtimes.Runtime
		handler string
		fails   string
	}{
		{name: "an ES module", files: "index.mjs", runtime: runtimes.NodeJS, handler: "index.handler"},
		{name: "CommonJS", files: "app.cjs", runtime: runtimes.NodeJS, handler: "app.handler"},
		{name: "Python", files: "lambda_function.py", runtime: runtimes.Python, handler: "lambda_function.lambda_handler"},
		{name: "SAM's name in Python", files: "app.py", runtime: runtimes.Python, handler: "app.lambda_handler"},
		{name: "Go", files: "main.go,go.mod", runtime: runtimes.Go},
		{name: "a custom runtime", files: "bootstrap*,index.js", runtime: runtimes.Provided},
		{name: "a bootstrap that can't be run", files: "bootstrap,index.js", runtime: runtimes.NodeJS, handler: "index.handler"},
		{name: "a file in JavaScript", files: "orders.js", path: "orders.js", runtime: runtimes.NodeJS, handler: "orders.handler"},
		{name: "a file in Python", files: "orders.py", path: "orders.py", runtime: runtimes.Python, handler: "orders.lambda_handler"},
		{name: "a file in Go", files: "main.go,go.mod", path: "main.go", runtime: runtimes.Go},
		{name: "an executable", files: "run*", path: "run", runtime: runtimes.Provided},
		{name: "a handler", files: "lib/a.py,index.js", given: runtimes.Function{Handler: "lib/a.run"}, runtime: runtimes.Python, handler: "lib/a.run"},
		{name: "a handler that has no file", files: "index.js", given: runtimes.Function{Handler: "other.run"}, fails: "the handler other.run has no file"},
		{name: "a handler that its runtime is to look for", files: "x", given: runtimes.Function{Handler: "a.b", Runtime: runtimes.Python}, runtime: runtimes.Python, handler: "a.b"},
		{name: "the runtime of two", files: "index.js,lambda_function.py", given: runtimes.Function{Runtime: runtimes.Python}, runtime: runtimes.Python, handler: "lambda_function.lambda_handler"},
		{name: "a file of another runtime", files: "a.py", path: "a.py", given: runtimes.Function{Runtime: runtimes.NodeJS}, fails: "is no file of the runtime nodejs"},
		{name: "a program that can't be run", files: "run", path: "run", given: runtimes.Function{Runtime: runtimes.Provided}, fails: "is not executable"},
		{name: "nothing", files: "README", fails: "no function in "},
		{name: "no directory", files: "x", path: "none", fails: "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for name := range strings.SplitSeq(c.files, ",") {
				files[name] = map[string]string{"main.go": goMain, "go.mod": "module example\n"}[name]
			}
			f := c.given
			f.Path = filepath.Join(write(t, files), c.path)
			got, err := f.Prepare(t.Context(), t.TempDir())
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				return
			}
			if err != nil || got.Runtime != c.runtime || got.Handler != c.handler {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestRuntimeNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]runtimes.Runtime{
		"": "", "nodejs": runtimes.NodeJS, "nodejs22.x": runtimes.NodeJS, "python3.13": runtimes.Python, "provided.al2023": runtimes.Provided, "go1.x": runtimes.Go,
	} {
		if got, err := runtimes.Parse(name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := runtimes.Parse("java21"); err == nil || !strings.Contains(err.Error(), "none of nodejs, python, go, provided") {
		t.Errorf("java21: %v", err)
	}
}

// TestAProgramThatIsMissingIsNamed is not parallel, because it changes PATH.
func TestAProgramThatIsMissingIsNamed(t *testing.T) {
	dir := write(t, map[string]string{"index.mjs": "", "lambda_function.py": "", "main.go": ""})
	t.Setenv("PATH", t.TempDir())
	for runtime, program := range map[runtimes.Runtime]string{runtimes.NodeJS: "node", runtimes.Python: "python3", runtimes.Go: "go"} {
		_, err := runtimes.Function{Path: dir, Runtime: runtime}.Prepare(t.Context(), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "the runtime "+string(runtime)+" needs the program "+program) {
			t.Errorf("%s: %v", runtime, err)
		}
	}
}

func TestAGoFunctionThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"main.go": "package main\n\nfunc main() { x }\n", "go.mod": "module example\n"})
	_, err := runtimes.Function{Path: dir}.Prepare(t.Context(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("%v", err)
	}
}
