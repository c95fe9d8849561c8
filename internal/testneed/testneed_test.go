// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package testneed_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// recorder is a TB that notes how it was ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func record(need func(testing.TB)) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		need(r)
	}()
	<-done
	return r
}

func TestProgram(t *testing.T) {
	missing := func(tb testing.TB) { testneed.Program(tb, "no-such-program-anywhere") }

	t.Setenv(testneed.Variable, "")
	if got := record(missing); got.skipped != "this test needs the program no-such-program-anywhere" || got.failed != "" {
		t.Errorf("without %s: skipped %q, failed %q", testneed.Variable, got.skipped, got.failed)
	}
	t.Setenv(testneed.Variable, "1")
	if got := record(missing); got.failed == "" || got.skipped != "" {
		t.Errorf("with %s=1: skipped %q, failed %q", testneed.Variable, got.skipped, got.failed)
	}
	if path := testneed.Program(t, "go"); path == "" {
		t.Error("a program that is there has no path")
	}
}
