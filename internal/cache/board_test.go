// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
)

type fetcher func() (Value, error)

func (f fetcher) Fetch(context.Context, Ref) (Value, error) { return f() }

// A caller who found nothing and is slow to ask must not ask again for what has come
// meanwhile.
func TestWhoeverAsksLateFindsTheAnswer(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]fetcher{
		"a value":   func() (Value, error) { return Value{Text: secret.FromString("v")}, nil },
		"a refusal": func() (Value, error) { return Value{}, errors.New("denied") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := New(Config{Source: source})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ref := Ref{ID: "x"}.normal()
			if _, _, found := c.lookup(ref); found {
				t.Fatal("found something in an empty cache")
			}
			_, _ = c.Get(t.Context(), ref) // another caller, who was quicker
			if f, _, err := c.For(nil).board(ref); f != nil || err != nil {
				t.Errorf("asked again: %v, %v", f, err)
			}
		})
	}
}
