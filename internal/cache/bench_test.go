// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"testing"
)

// BenchmarkHit is the path of nearly all requests.
func BenchmarkHit(b *testing.B) {
	r := newRig(b)
	ctx := context.Background()
	ref := byID(name)
	if _, err := r.Get(ctx, ref); err != nil {
		b.Fatal(err)
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Get(ctx, ref); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("16 times GOMAXPROCS", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := r.Get(ctx, ref); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
