// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package turn lets one at a time do what has one name, and several what have several.
package turn

import (
	"context"
	"sync"
)

// Turns are the turns by name. The zero value is ready. It is safe for concurrent use, and
// holds nothing of a name that nobody waits for or has.
type Turns struct {
	mu   sync.Mutex
	turn map[string]*one
}

type one struct {
	place chan struct{}
	users int
}

// Enter waits for the caller's turn with a name. The function that it returns gives the
// turn up, and must be called. If ctx ends first, the error is its cause.
func (t *Turns) Enter(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	if t.turn == nil {
		t.turn = map[string]*one{}
	}
	o := t.turn[name]
	if o == nil {
		o = &one{place: make(chan struct{}, 1)}
		t.turn[name] = o
	}
	o.users++
	t.mu.Unlock()
	select {
	case o.place <- struct{}{}:
		return func() {
			<-o.place
			t.quit(name, o)
		}, nil
	case <-ctx.Done():
		t.quit(name, o)
		return nil, context.Cause(ctx)
	}
}

func (t *Turns) quit(name string, o *one) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.users--; o.users == 0 {
		delete(t.turn, name)
	}
}
