// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// TestNothingForLaterWakesNobody holds that a call that leaves nothing behind, as
// almost all do, costs the worker nothing.
func TestNothingForLaterWakesNobody(t *testing.T) {
	t.Parallel()
	a := &after{wake: make(chan struct{}, 1), waiting: map[string]func(kv.Tx) error{}}
	a.add(nil)
	if len(a.wake) != 0 {
		t.Error("the worker was woken for nothing")
	}
	a.add([]later{{"key", func(kv.Tx) error { return nil }}})
	if len(a.wake) != 1 || len(a.waiting) != 1 {
		t.Error("the worker was not woken for something")
	}
}
