// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package runtimes makes of a function's code a process that a local Lambda host runs,
// with the programs of this machine in place of Lambda's managed runtimes.
//
//	nodejs    node, with a bootstrap of ours that loads the handler, an ES module or CommonJS
//	python    python3, with a bootstrap of ours that imports the handler's module
//	go        what go build makes of the package, a runtime in itself
//	provided  an executable file, a runtime in itself
//
// A bootstrap is a runtime as Lambda's are: it asks for one event after the other, calls
// the handler, and reports what it returns or what it fails with in the form that Lambda's
// runtimes use. What they do beside that (the format of logs, X-Ray, streamed responses)
// ours leave out.
package runtimes

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// Runtime is how a function's code is run.
type Runtime string

// The runtimes.
const (
	NodeJS   Runtime = "nodejs"
	Python   Runtime = "python"
	Go       Runtime = "go"
	Provided Runtime = "provided"
)

// All are the names of the runtimes.
func All() []string {
	return []string{string(NodeJS), string(Python), string(Go), string(Provided)}
}

// Parse returns the runtime of that name, which may be one of Lambda's, with a version that
// is not looked at: nodejs22.x, python3.13, provided.al2023. The empty name is the empty
// Runtime.
func Parse(name string) (Runtime, error) {
	family := strings.TrimRight(name, "0123456789.x")
	if before, _, ok := strings.Cut(family, "."); ok {
		family = before
	}
	if name != "" && !slices.Contains(All(), family) {
		return "", fmt.Errorf("runtime %q is none of %s", name, strings.Join(All(), ", "))
	}
	return Runtime(family), nil
}

// Function is a function's code, and how it is to be run. Only Path is required.
type Function struct {
	// Path is the directory that would be the function's package, or the file in one
	// that has the handler, or an executable file.
	Path string
	// Runtime is how to run it. Empty means that its files tell.
	Runtime Runtime
	// Handler is the module and the name of the handler in it, as Lambda takes them:
	// index.handler. Empty means the handler that the files suggest.
	Handler string
}

// Prepared is a Function that a host can run.
type Prepared struct {
	Process lambdahost.Process
	// Handler is for lambdahost.Config.
	Handler string
	// Runtime is the one that was found.
	Runtime Runtime
}

//go:embed bootstrap.mjs bootstrap.py
var bootstraps embed.FS

// Prepare finds out how to run the function and makes what that takes in the directory
// work, which is to stay while the function runs. It fails if a program is missing, with
// that program's name.
func (f Function) Prepare(ctx context.Context, work string) (Prepared, error) {
	c, err := f.find()
	if err != nil {
		return Prepared{}, err
	}
	p := Prepared{Handler: c.handler, Runtime: c.runtime}
	switch c.runtime {
	case NodeJS:
		p.Process, err = interpreted(c, work, "bootstrap.mjs", []string{"node"})
	case Python:
		p.Process, err = interpreted(c, work, "bootstrap.py", []string{"python3", "python"}, "-u", "-B")
	case Go:
		out := filepath.Join(work, "bootstrap")
		p.Process = lambdahost.Process{Command: []string{out}, Dir: c.dir}
		err = build(ctx, c.dir, c.target, out)
	case Provided:
		p.Process = lambdahost.Process{Command: []string{c.target}, Dir: c.dir}
	}
	return p, err
}

// interpreted is a process of the first of the programs that is there, which runs one of our
// bootstraps.
func interpreted(c code, work, bootstrap string, programs []string, flags ...string) (lambdahost.Process, error) {
	text, err := bootstraps.ReadFile(bootstrap)
	if err != nil {
		return lambdahost.Process{}, err // unreachable: it is embedded
	}
	program, err := lookPath(programs, c.runtime)
	if err != nil {
		return lambdahost.Process{}, err
	}
	file := filepath.Join(work, bootstrap)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return lambdahost.Process{}, err
	}
	return lambdahost.Process{Command: append(append([]string{program}, flags...), file), Dir: c.dir}, nil
}

func lookPath(programs []string, runtime Runtime) (string, error) {
	var err error
	for _, program := range programs {
		var path string
		if path, err = exec.LookPath(program); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("the runtime %s needs the program %s: %w", runtime, programs[0], err)
}

// build builds the Go package or file target in dir.
func build(ctx context.Context, dir, target, out string) error {
	if _, err := lookPath([]string{"go"}, Go); err != nil {
		return err
	}
	_, err := run(ctx, dir, "go", "build", "-o", out, target)
	return err
}

// run runs a program to its end and returns what it prints; an error has what it
// complains of.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w", name, args[0], errors.Join(err, errors.New(strings.TrimSpace(complaint.String()))))
	}
	return out.String(), nil
}
