// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"errors"
	"sync"
	"time"
)

// What SHUTDOWN grants; see "Shutdown phase" of AWS's Extensions API.
const (
	// externalBudget is the whole phase with an external extension.
	externalBudget = 2 * time.Second
	// runtimeBudget is the runtime's part of it.
	runtimeBudget = 300 * time.Millisecond
	// internalBudget is the runtime's part with an internal extension. Without any
	// extension the runtime has nothing.
	internalBudget = 500 * time.Millisecond

	// killTimeout bounds the wait for processes that were killed. Only a Program that
	// does not heed its context can outlast it.
	killTimeout = 2 * time.Second
)

// reason is why an environment is shut down.
type reason string

const (
	reasonSpindown reason = "spindown"
	reasonTimeout  reason = "timeout"
	reasonFailure  reason = "failure"
)

// reasonFor tells which reason an error is: anything but a Failure is the end of a
// context, that is, somebody's wish.
func reasonFor(err error) reason {
	f, failed := errors.AsType[*Failure](err)
	switch {
	case !failed:
		return reasonSpindown
	case f.Type == TypeTimedOut:
		return reasonTimeout
	}
	return reasonFailure
}

var errNotEnded = errors.New("lambda host: a program did not end when it was killed")

// shutdown ends every process: the runtime first, then the extensions, which are told
// why, then by force whatever is left. The end of ctx cuts short what they are granted.
func (e *environment) shutdown(ctx context.Context, why reason) error {
	start := time.Now()
	var external, internal bool
	e.update(func() {
		e.phase = phaseClosing
		for _, a := range e.agents {
			a.queue = nil
			internal = internal || a.internal
			external = external || a.process != nil
		}
	})
	e.host.cfg.Log.Debug("environment shuts down", "reason", why)

	runtime, whole := grants(external, internal)
	e.endRuntime(ctx, start.Add(runtime), runtime > 0)
	e.endExtensions(ctx, start.Add(whole), why)

	_ = e.signal(signalKill)
	limit := time.NewTimer(killTimeout)
	defer limit.Stop()
	for _, p := range e.processes() {
		select {
		case <-p.exited():
		case <-limit.C:
			return errNotEnded
		}
	}
	return nil
}

// grants returns how long the runtime and the whole phase may take.
func grants(external, internal bool) (runtime, whole time.Duration) {
	if internal {
		runtime = internalBudget
	} else if external {
		runtime = runtimeBudget
	}
	if external {
		return runtime, externalBudget
	}
	return runtime, runtime
}

// endRuntime ends the runtime by the deadline: gracefully if it has time for that.
func (e *environment) endRuntime(ctx context.Context, deadline time.Time, graceful bool) {
	e.mu.Lock()
	p := e.runtime
	e.mu.Unlock()
	if p == nil {
		return
	}
	if graceful {
		_ = p.signal(signalTerminate)
		awaitExit(ctx, deadline, p)
	}
	_ = p.signal(signalKill)
}

// endExtensions sends SHUTDOWN to the extensions that registered for it, kills the
// others, and waits for them all until the deadline.
func (e *environment) endExtensions(ctx context.Context, deadline time.Time, why reason) {
	wall := e.host.cfg.Clock.Now().Add(time.Until(deadline))
	var waiting []process
	e.update(func() {
		for _, a := range e.agents {
			switch {
			case a.process == nil:
			case a.takes(eventShutdown):
				a.give(event{Type: eventShutdown, DeadlineMs: wall.UnixMilli(), ShutdownReason: why})
				waiting = append(waiting, a.process)
			default:
				_ = a.process.signal(signalKill)
			}
		}
	})
	var all sync.WaitGroup
	for _, p := range waiting {
		all.Go(func() { awaitExit(ctx, deadline, p) })
	}
	all.Wait()
}

// awaitExit waits for p, the deadline, or the end of ctx.
func awaitExit(ctx context.Context, deadline time.Time, p process) {
	limit := time.NewTimer(time.Until(deadline))
	defer limit.Stop()
	select {
	case <-p.exited():
	case <-limit.C:
	case <-ctx.Done():
	}
}
