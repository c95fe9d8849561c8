// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// TestMain is also the main function of the processes that the tests start: this
// binary again, which tells them from a test run by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if program := childRoles()[os.Args[1]]; program != nil {
			os.Exit(lambdahost.RunMain(program))
		}
	}
	goleak.VerifyTestMain(m)
}
