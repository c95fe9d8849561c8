// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// invoker is an Invoker of one function.
type invoker func(context.Context) error

func (i invoker) Known(string) bool                                    { return true }
func (i invoker) Invoke(ctx context.Context, _ string, _ []byte) error { return i(ctx) }

func TestAStepEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{functions: invoker(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})}
		began := time.Now()
		if err := s.invoke(t.Context(), &attempt{}, stepTest); !errors.Is(err, errStepTimedOut) {
			t.Errorf("a function that hangs: %v", err)
		}
		if took := time.Since(began); took != maxStep {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWithoutFunctionsAStepFails(t *testing.T) {
	t.Parallel()
	if err := new(Service).invoke(t.Context(), &attempt{}, stepTest); !errors.Is(err, errNoInvoke) {
		t.Error(err)
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h holds
		release, err := h.hold(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if other, err := h.hold(t.Context(), "b"); err != nil {
			t.Error(err)
		} else {
			other()
		}
		n := 0
		for range 3 {
			go func() {
				release, err := h.hold(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				if n++; n > 1 {
					t.Error("two hold one key")
				}
				time.Sleep(time.Second)
				n--
				release()
			}()
		}
		synctest.Wait()
		if n != 0 {
			t.Error("a key that is held was had")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.hold(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waited too long: %v", err)
		}
		release()
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if len(h.held) != 0 {
			t.Errorf("%d keys are held for ever", len(h.held))
		}
	})
}

// TestCopiesShareNoRotation: a transaction may run again, on what the first run began with.
func TestCopiesShareNoRotation(t *testing.T) {
	t.Parallel()
	kept := &Secret{Rotation: &Rotation{External: []External{{"a", "b"}}, Run: &Run{Token: "t"}}}
	c := kept.clone()
	c.Rotation.Enabled, c.Rotation.External[0].Value, c.Rotation.Run.Failed = true, "c", 1
	want := &Secret{Rotation: &Rotation{External: []External{{"a", "b"}}, Run: &Run{Token: "t"}}}
	if diff := cmp.Diff(want, kept, exported); diff != "" {
		t.Error(diff)
	}
}
