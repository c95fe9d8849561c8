// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest_test

import (
	"context"
	"testing"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
)

// greeting is code under test. It knows nothing of tests.
func greeting(ctx context.Context) (string, error) {
	name, err := coffer.Parameter(ctx, "/app/name", coffer.ForceFetch())
	return "Hello, " + name + "!", err
}

// TestExample shows what a test of such code looks like.
func TestExample(t *testing.T) {
	srv := coffertest.NewServer(t, coffertest.Parameter("/app/name", "Ann"))
	srv.Setenv(t)

	if got, err := greeting(t.Context()); err != nil || got != "Hello, Ann!" {
		t.Errorf("%q, %v", got, err)
	}

	srv.SetParameter("/app/name", "Ben") // as somebody else would
	if got, err := greeting(t.Context()); err != nil || got != "Hello, Ben!" {
		t.Errorf("after a change: %q, %v", got, err)
	}

	srv.Outage(true)
	if _, err := greeting(t.Context()); err == nil {
		t.Error("no error while there is no service")
	}
}
