// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxWaits is how many calls may wait at once: each holds a connection. Further ones
// are answered at once.
const maxWaits = 1000

// wait says for what an answer may wait.
type wait struct {
	prefix string
	atMost time.Duration
}

// Await says that the answer which a handler that reads is about to give is worth little,
// and may wait until something below the key prefix changes: then the handler runs once
// more, on a snapshot of that time, for a caller whose credential is still good. After
// that time, or when the server stops, the answer is given as it is. It is for the
// caller's own calls; a nested one does not wait.
func (c *Call) Await(prefix string, atMost time.Duration) { c.run.wait = &wait{prefix, atMost} }

// EndWaits has every call that waits answered, and those to come not wait: for a server
// that stops.
func (g *Gate) EndWaits() { g.endWaits() }

// await runs a call that reads again until its answer waits for nothing, or has waited
// long enough. Out is its answer so far, of a snapshot at rev.
func (g *Gate) await(ctx context.Context, call *Call, in, out any, rev kv.Rev) (any, error) {
	select {
	case g.waits <- struct{}{}:
		defer func() { <-g.waits }()
	default:
		return out, nil
	}
	waiting, cancel := context.WithTimeout(ctx, call.run.wait.atMost)
	defer cancel()
	defer context.AfterFunc(g.stopping, cancel)()
	for call.run.wait != nil && g.changed(waiting, call.run.wait.prefix, rev) {
		var err error
		if rev, err = g.store.View(ctx, func(r kv.Reader) (err error) {
			defer recovered(&err)
			if err = call.renew(r); err == nil {
				out, err = call.begin(ctx, r, in)
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changed waits for a change below the prefix after rev, and reports whether there is one.
func (g *Gate) changed(ctx context.Context, prefix string, rev kv.Rev) bool {
	for _, err := range g.store.Watch(ctx, prefix, rev) {
		return err == nil || errors.Is(err, kv.ErrCompacted)
	}
	return false
}
