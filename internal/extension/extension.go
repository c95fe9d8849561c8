// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdaapi"
)

// The values of AWS_LAMBDA_INITIALIZATION_TYPE that we act on.
const (
	snapStart        = "snap-start"
	managedInstances = "lambda-managed-instances"
)

// settleIn is how long we hold back a request for the next event while values are
// being fetched. The function runs at the same time, so that this costs nothing
// unless a fetch takes longer than the function; without it, the environment might be
// frozen in the middle of a fetch. What takes longer is cut unless the function waits for
// it, who asks for the next event after us then.
const settleIn = 500 * time.Millisecond

// initIn bounds what is waited for before we register. INIT has 10 s for all.
const initIn = 5 * time.Second

// extension is the program's life in a Lambda execution environment.
type extension struct {
	*parts
	api  *lambdaapi.Client
	name string
	kind string // of initialization

	background tasks
	restored   bool // the first INVOKE has come
}

// live goes from INIT to SHUTDOWN. That a source is down is no error: a function may
// get along without.
func (e *extension) live(ctx context.Context) error {
	defer e.background.end()
	var fetched <-chan struct{}
	if e.kind == snapStart {
		e.agent.Ready() // for what can be had before the snapshot
	} else {
		written := e.files.begin(ctx, &e.background)
		fetched = e.prefetch(ctx)
		// The runtime is started after we registered: its code finds the files there.
		e.vault.writeFiles(ctx, initIn)
		await(ctx, written, initIn)
	}
	invoked, err := e.register(ctx)
	if err != nil {
		return errors.Join(err, e.end())
	}
	await(ctx, fetched, settleIn)
	if !invoked {
		e.background.start(ctx, e.refreshByTimer)
		e.background.start(ctx, e.changes.follow)
	}
	for {
		event, err := e.api.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return e.end()
		case err != nil:
			return errors.Join(err, e.end())
		}
		switch event.Type {
		case lambdaapi.Invoke:
			e.invoke(ctx)
		case lambdaapi.Shutdown:
			e.log.Debug("shutting down", "reason", event.ShutdownReason)
			return e.end()
		default:
			e.log.Warn("an unknown event", "type", string(event.Type))
		}
	}
}

// register registers for INVOKE and SHUTDOWN, or for SHUTDOWN alone where there is no
// INVOKE, and returns which.
func (e *extension) register(ctx context.Context) (invoked bool, err error) {
	if e.kind != managedInstances {
		err = e.api.Register(ctx, e.name, lambdaapi.Invoke, lambdaapi.Shutdown)
		if err == nil {
			return true, nil
		}
		refused, ok := errors.AsType[*lambdaapi.APIError](err)
		if !ok || refused.Status != http.StatusForbidden {
			return false, fmt.Errorf("registering: %w", err)
		}
	}
	if second := e.api.Register(ctx, e.name, lambdaapi.Shutdown); second != nil {
		return false, fmt.Errorf("registering: %w", errors.Join(err, second))
	}
	return false, nil
}

// invoke is what happens while the function handles an event: what was used and is
// about to expire is fetched anew. Requests are answered meanwhile.
func (e *extension) invoke(ctx context.Context) {
	if e.kind == snapStart && !e.restored {
		e.source.holdBack(e.held, false)
		e.files.begin(ctx, &e.background)
		await(ctx, e.prefetch(ctx), settleIn)
	}
	e.restored = true
	e.held.RefreshDue(0)
	e.changes.ask(ctx)
	e.vault.writeFiles(ctx, filesIn)
	e.settle(ctx)
	e.files.nudge()
}

// prefetch begins to fetch what the settings name. The channel is closed when it has.
func (e *extension) prefetch(ctx context.Context) <-chan struct{} {
	return e.background.start(ctx, e.fetchAhead)
}

// await waits for a short time. What is nil needs no waiting.
func await(ctx context.Context, done <-chan struct{}, within time.Duration) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-time.After(within):
	case <-ctx.Done():
	}
}

// settle waits for the fetches under way, and cuts those that take too long.
func (e *extension) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleIn)
	defer cancel()
	e.held.Settle(ctx)
	if ctx.Err() != nil {
		e.held.Cut()
	}
}

func (e *extension) end() error {
	e.background.end()
	return e.stop(stopIn)
}
