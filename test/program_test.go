// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The programs, each built once in a run of the tests, by the first test that needs it.
var (
	binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "coffer-test-") })
	coffer   = build("coffer")
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build returns a function that builds the program of that name and returns its path.
func build(name string) func() (string, error) { return buildFrom(name, "./cmd/"+name) }

func buildFrom(name, source string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir, err := binaries()
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", path, source)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
		return path, nil
	})
}

// program returns the path of one of the programs above.
func program(t testing.TB, built func() (string, error)) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is the test's own without what configures Coffer and AWS's clients, and
// with the variables that are given.
func environment(variables ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "COFFER_") {
			env = append(env, v)
		}
	}
	return append(env, variables...)
}

// result is how a command ended, and what it wrote.
type result struct {
	Stdout, Stderr string
	Code           int
}

// run runs coffer with the arguments to its end.
func run(t testing.TB, args ...string) result {
	t.Helper()
	return runProgram(t, nil, program(t, coffer), args...)
}

// mustRun runs coffer, wants exit status 0, and returns what it wrote to its output.
func mustRun(t testing.TB, args ...string) string {
	t.Helper()
	r := run(t, args...)
	if r.Code != 0 {
		t.Fatalf("coffer %s: status %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// runProgram runs a program at the module's root, with the environment above and the
// variables that are given.
func runProgram(t testing.TB, variables []string, path string, args ...string) result {
	t.Helper()
	return runProgramFor(t, patience, variables, path, args...)
}

// runProgramFor is runProgram for a program that does many things, one after another.
func runProgramFor(t testing.TB, most time.Duration, variables []string, path string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = "..", environment(variables...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("running %s: %v\n%s", path, err, stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// transcript is what a process has written so far. It is safe for concurrent use.
type transcript struct {
	mu      sync.Mutex
	text    []byte
	written chan struct{} // closed by the next Write
}

func newTranscript() *transcript { return &transcript{written: make(chan struct{})} }

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	close(s.written)
	s.written = make(chan struct{})
	return len(p), nil
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

// more returns a channel that is closed when something more is written.
func (s *transcript) more() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}
