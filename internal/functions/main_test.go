// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// TestMain is also the main function of the programs that the tests run: this binary
// again, which tells them from a test run by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childRole {
		os.Exit(lambdahost.RunMain(lambdahost.Serve(child)))
	}
	goleak.VerifyTestMain(m)
}
