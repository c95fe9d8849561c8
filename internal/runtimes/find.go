// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// code is what was found of a function.
type code struct {
	runtime Runtime
	dir     string // absolute: the root of the function's package
	target  string // go: what to build; provided: the absolute path of the executable
	handler string
}

// extensions are the files that a handler's module may be in, in the order that Lambda's
// runtimes look for them.
var extensions = []struct {
	suffix  string
	runtime Runtime
	name    string // of the handler, by AWS's convention
}{
	{".js", NodeJS, "handler"},
	{".mjs", NodeJS, "handler"},
	{".cjs", NodeJS, "handler"},
	{".py", Python, "lambda_handler"},
}

// usual are the modules of handlers that AWS's console and templates make.
var usual = []string{"index", "lambda_function", "app"}

// bootstrapFile is the executable of a custom runtime, by Lambda's rule.
const bootstrapFile = "bootstrap"

// find looks at the function's files.
func (f Function) find() (code, error) {
	path, err := filepath.Abs(f.Path)
	if err != nil {
		return code{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return code{}, fmt.Errorf("the function: %w", err)
	}
	c := code{runtime: f.Runtime, handler: f.Handler, dir: path}
	if info.IsDir() {
		return f.inDirectory(c)
	}
	c.dir = filepath.Dir(path)
	return fromFile(c, path, info)
}

// fromFile takes the handler's file, a Go file, or an executable.
func fromFile(c code, path string, info os.FileInfo) (code, error) {
	suffix := filepath.Ext(path)
	for _, x := range extensions {
		if x.suffix == suffix && (c.runtime == "" || c.runtime == x.runtime) {
			c.runtime = x.runtime
			if c.handler == "" {
				c.handler = strings.TrimSuffix(filepath.Base(path), suffix) + "." + x.name
			}
			return c, nil
		}
	}
	switch {
	case suffix == ".go" && (c.runtime == "" || c.runtime == Go):
		c.runtime, c.target = Go, path
	case info.Mode()&0o111 != 0 && (c.runtime == "" || c.runtime == Provided):
		c.runtime, c.target = Provided, path
	case c.runtime == Provided:
		return code{}, fmt.Errorf("the function %s is not executable", path)
	default:
		return code{}, fmt.Errorf("the function %s is no file of the runtime %s: want .js, .mjs, .cjs, .py, .go or an executable", path, orAny(c.runtime))
	}
	return c, nil
}

func orAny(r Runtime) string {
	if r == "" {
		return "nodejs, python, go or provided"
	}
	return string(r)
}

// inDirectory finds the handler, or a bootstrap, or Go files.
func (f Function) inDirectory(c code) (code, error) {
	if f.Runtime == "" || f.Runtime == Provided {
		file := filepath.Join(c.dir, bootstrapFile)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			c.runtime, c.target = Provided, file
			return c, nil
		}
	}
	if handler, r, ok := f.module(c.dir); ok {
		c.runtime, c.handler = r, handler
		return c, nil
	}
	if f.Runtime == "" || f.Runtime == Go {
		if files, _ := filepath.Glob(filepath.Join(c.dir, "*.go")); len(files) > 0 {
			c.runtime, c.target = Go, "."
			return c, nil
		}
	}
	if f.Handler != "" && f.Runtime != "" {
		return c, nil // which its runtime may find, or complain of
	}
	if f.Handler != "" {
		return code{}, fmt.Errorf("the handler %s has no file in %s", f.Handler, c.dir)
	}
	return code{}, errors.New("no function in " + c.dir + ": there is no bootstrap, no *.go, and no .js, .mjs, .cjs or .py of the name " + strings.Join(usual, ", "))
}

// module finds the file of the handler's module, or of a usual one.
func (f Function) module(dir string) (handler string, r Runtime, ok bool) {
	modules := usual
	if f.Handler != "" {
		base := strings.LastIndexByte(f.Handler, '/') + 1
		name, _, _ := strings.Cut(f.Handler[base:], ".")
		modules = []string{f.Handler[:base] + name}
	}
	for _, m := range modules {
		for _, x := range extensions {
			info, err := os.Stat(filepath.Join(dir, m+x.suffix))
			if err != nil || !info.Mode().IsRegular() || f.Runtime != "" && f.Runtime != x.runtime {
				continue
			}
			if f.Handler != "" {
				return f.Handler, x.runtime, true
			}
			return m + "." + x.name, x.runtime, true
		}
	}
	return "", "", false
}
