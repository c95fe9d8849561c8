// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// extension is the program that layers have.
const extension = "coffer-extension"

// sumsFile lists the checksums of all others, as sha256sum -c reads them.
const sumsFile = "SHA256SUMS"

// release makes everything into one directory.
type release struct {
	source, out string
	arches      []string
	programs    []string // below cmd, with coffer-extension among them
	stamp       bool     // programs tell the commit that they were made from
	say         func(line string)
}

// make replaces what is in the directory of a former release, and of no other.
func (r *release) make(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	for _, arch := range r.arches {
		for _, program := range r.programs {
			if err := r.program(ctx, program, arch); err != nil {
				return err
			}
		}
		if err := r.layer(arch); err != nil {
			return err
		}
	}
	return r.sums()
}

// prepare empties the directory, which is to be a release, or empty, or not there.
func (r *release) prepare() error {
	files, err := os.ReadDir(r.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(r.path(sumsFile)); err != nil && len(files) > 0 {
		return fmt.Errorf("%s has files, and is no earlier release: choose another directory", r.out)
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	return os.MkdirAll(r.out, 0o755)
}

// program builds one, and writes what it is made of.
func (r *release) program(ctx context.Context, name, arch string) error {
	file := binary(name, arch)
	r.say(file)
	out, err := filepath.Abs(r.path(file))
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", fmt.Sprintf("-buildvcs=%t", r.stamp), "-ldflags=-s -w", "-o", out}
	if name == extension {
		args = append(args, "-tags=nethttpomithttp2") // see its main.go
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/"+name)...)
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", file, err, text)
	}
	return writeBOM(r.path(file+".cdx.json"), out)
}

// layer packs the extension as Lambda unpacks it into /opt.
func (r *release) layer(arch string) error {
	file := extension + "-layer-" + arch + ".zip"
	r.say(file)
	program, err := os.ReadFile(r.path(binary(extension, arch)))
	if err != nil {
		return err
	}
	return writeZip(r.path(file), []entry{
		{"coffer-exec", []byte(wrapper)},
		{"extensions/" + extension, program},
	})
}

// wrapper is what AWS_LAMBDA_EXEC_WRAPPER names: it lets the extension's program start the
// function's runtime.
const wrapper = `#!/bin/sh
exec /opt/extensions/coffer-extension exec -- "$@"
`

// sums writes the checksums of all files.
func (r *release) sums() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines []string
	for _, f := range files {
		sum, err := digest(r.path(f.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, sum+"  "+f.Name()+"\n")
	}
	slices.Sort(lines)
	return os.WriteFile(r.path(sumsFile), []byte(strings.Join(lines, "")), 0o644)
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (r *release) path(file string) string { return filepath.Join(r.out, file) }

func binary(program, arch string) string { return program + "-linux-" + arch }
