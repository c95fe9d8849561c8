// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// noPages is the status that examples/run.py ends with where the aws command or the
// examples of its help pages are not installed.
const noPages = 77

// TestAWSExamples runs the examples of AWS's own help pages, as the installed aws command
// has them, and holds the answers to the documented form: see examples/run.py.
func TestAWSExamples(t *testing.T) {
	t.Parallel()
	python := testneed.Program(t, "python3")
	if runProgram(t, nil, python, "-c", "import boto3").Code != 0 {
		testneed.Missing(t, "Python's boto3 (Debian: python3-boto3)")
	}
	// The account, the region and the role are those of the pages.
	data := filepath.Join(t.TempDir(), "data")
	mustRun(t, "key", "create", "--role", "MyRole", "--account-id", "123456789012", "--data", data)
	p := startDev(t, "--account-id", "123456789012", "--region", "us-west-2", "--data", data,
		"--config", rotating(t, "arn:aws:lambda:us-west-2:123456789012:function:MyTestRotationLambda"))
	r := runProgramFor(t, 5*patience, clientEnvironment(t, p), python, "-B", "test/examples/run.py", "aws")
	if r.Code == noPages {
		testneed.Missing(t, "the aws command with the examples of its help pages (Debian: awscli)")
	}
	wantCases(t, r, regexp.MustCompile(`(?m)^(\d+) ran$`))
	t.Log(r.Stdout)
	p.stop(t)
}

// TestReadingOfAWSExamples holds the reader of the pages, and what compares the answers.
func TestReadingOfAWSExamples(t *testing.T) {
	t.Parallel()
	r := runProgram(t, nil, testneed.Program(t, "python3"), "-B", "test/examples/self_test.py")
	wantCases(t, r, regexp.MustCompile(`(?m)^Ran (\d+) tests`))
}
