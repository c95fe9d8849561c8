// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"math"
	"sync"
	"sync/atomic"
)

// A gate counts those inside and, once shut, lets nobody in.
type gate struct {
	n     atomic.Int64 // those inside, plus math.MinInt64 once it is shut
	once  sync.Once
	empty chan struct{}
}

// enter reports whether the caller is in; then it must leave.
func (g *gate) enter() bool {
	if g.n.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.n.Add(-1) == math.MinInt64 {
		g.drained()
	}
}

// shut shuts the gate, once only, and returns what is closed when all have left.
func (g *gate) shut() <-chan struct{} {
	if g.n.Add(math.MinInt64) == math.MinInt64 {
		g.drained()
	}
	return g.empty
}

// drained may come several times: a late comer enters and leaves at once.
func (g *gate) drained() { g.once.Do(func() { close(g.empty) }) }
