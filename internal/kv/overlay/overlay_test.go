// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package overlay_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// broken is a snapshot that can't be read to its end. The rest of what overlay does,
// kvtest holds it to through the engines that are made of it.
type broken struct{}

var errBroken = errors.New("it can't be read")

func (broken) Get(string) ([]byte, error) { return nil, errBroken }

func (broken) Scan(kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		if yield(kv.Pair{Key: "b", Value: []byte{}}, nil) {
			yield(kv.Pair{}, errBroken)
		}
	}
}

func TestErrorsOfTheBase(t *testing.T) {
	t.Parallel()
	tx := overlay.New(broken{})
	if err := errors.Join(tx.Put("a", nil), tx.Put("c", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Get("b"); !errors.Is(err, errBroken) {
		t.Errorf("Get = %v, want %v", err, errBroken)
	}
	var keys []string
	var last error
	for p, err := range tx.Scan(kv.Range{}) {
		if last = err; err != nil {
			continue
		}
		keys = append(keys, p.Key)
	}
	if !slices.Equal(keys, []string{"a", "b"}) || !errors.Is(last, errBroken) {
		t.Errorf("Scan yields %q and %v, want what comes before the error, and it last", keys, last)
	}
}

// TestLayers stacks layers, each of which hides some of those below.
func TestLayers(t *testing.T) {
	t.Parallel()
	bottom := overlay.NewLayer(empty{})
	middle := overlay.NewLayer(bottom)
	top := overlay.NewLayer(middle)
	bottom.Set("a", []byte("bottom"))
	bottom.Set("b", []byte("bottom"))
	bottom.Set("c", []byte("bottom"))
	middle.Set("b", nil)
	middle.Set("c", []byte("middle"))
	top.Set("b", []byte("top"))
	top.Set("a", nil)
	for _, c := range []struct {
		layer *overlay.Layer
		want  []string
	}{
		{bottom, []string{"a=bottom", "b=bottom", "c=bottom"}},
		{middle, []string{"a=bottom", "c=middle"}},
		{top, []string{"b=top", "c=middle"}},
	} {
		for _, reverse := range []bool{false, true} {
			var got []string
			for p, err := range c.layer.Scan(kv.Range{Reverse: reverse}) {
				if err != nil {
					t.Fatal(err)
				}
				if value, err := c.layer.Get(p.Key); err != nil || string(value) != string(p.Value) {
					t.Errorf("Get(%q) = %q, %v; Scan yields %q", p.Key, value, err, p.Value)
				}
				got = append(got, p.Key+"="+string(p.Value))
			}
			if reverse {
				slices.Reverse(got)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("Scan yields %q, want %q", got, c.want)
			}
		}
	}
}

type empty struct{}

func (empty) Get(string) ([]byte, error)              { return nil, nil }
func (empty) Scan(kv.Range) iter.Seq2[kv.Pair, error] { return func(func(kv.Pair, error) bool) {} }
