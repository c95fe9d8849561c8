// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package testneed lets a test say what it needs of the machine. Where that is missing,
// the test is skipped with a line that names it; or it fails, if the environment variable
// COFFER_TEST_REQUIRE is 1, so that a build that should have everything can't pass by
// skipping.
package testneed

import (
	"os"
	"os/exec"
	"testing"
)

// Variable names the environment variable that turns skips into failures.
const Variable = "COFFER_TEST_REQUIRE"

// Program returns the path of a program that the test runs.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, "the program "+name)
	}
	return path
}

// Root needs the test to run as root.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Missing(tb, "to run as root")
	}
}

// Missing ends the test because of what is not there: what completes the sentence
// "this test needs".
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv(Variable) == "1" {
		tb.Fatalf("this test needs %s, and %s=1 forbids to skip it", what, Variable)
	}
	tb.Skipf("this test needs %s", what)
}
