// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"errors"
	"time"
)

// Result is what an invocation came to.
type Result struct {
	// RequestID identifies the invocation.
	RequestID string
	// Payload is the function's response, or its error document.
	Payload []byte
	// FunctionError is "Unhandled" if the Payload is an error document, as in the
	// X-Amz-Function-Error header of Lambda's Invoke, and empty otherwise.
	FunctionError string
	// ErrorType is the type of the error, if there is one.
	ErrorType string
	// Duration is how long INVOKE took: until the runtime and all extensions had
	// asked for their next event, or the environment had failed. It contains an INIT
	// that followed a reset.
	Duration time.Duration
	// InitDuration is how long INIT took. Only the first invocation after it has it.
	InitDuration time.Duration
	// RestoreDuration is how long the restore took that this invocation needed.
	RestoreDuration time.Duration
	// Reset says that the environment has been ended after the invocation, and why:
	// "timeout" or "failure". It may be set together with a good response, when the
	// runtime or an extension failed after that.
	Reset string
}

// functionErrorUnhandled is how Lambda's Invoke marks every error of a function.
const functionErrorUnhandled = "Unhandled"

func (r *Result) respond(answer response) {
	r.Payload, r.ErrorType = answer.payload, answer.errorType
	if answer.errorType != "" {
		r.FunctionError = functionErrorUnhandled
	}
}

func (r *Result) fail(f *Failure) {
	r.respond(response{payload: f.payload(r.RequestID), errorType: f.Type})
}

// Invoke runs the function with an event of at most MaxPayload bytes. What goes wrong
// with the function, its runtime or its extensions is told in the Result; an error is
// the caller's (ErrPayloadTooLarge, ErrBusy, the end of ctx) or the host's (ErrClosed).
//
// Invocations run one after the other; on managed instances up to MaxConcurrency run at
// once, and a further one fails with ErrBusy. An environment that has failed, or was
// never started, is initialized first. When ctx ends, so does the environment.
func (h *Host) Invoke(ctx context.Context, payload []byte) (*Result, error) {
	if len(payload) > MaxPayload {
		return nil, ErrPayloadTooLarge
	}
	ctx, release := h.bound(ctx)
	defer release()
	if err := h.takeSlot(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.slots }()

	res := &Result{RequestID: newUUID()}
	env, began, err := h.ensure(ctx, res)
	if f, ok := errors.AsType[*Failure](err); ok {
		res.fail(f)
		res.Reset = string(reasonFor(f))
		res.Duration = time.Since(began)
		return res, nil
	}
	if err != nil {
		return nil, err
	}

	limit, cancel := context.WithDeadlineCause(ctx, began.Add(h.cfg.Timeout), timedOut("Task", h.cfg.Timeout))
	defer cancel()
	inv := env.dispatch(res.RequestID, payload, time.Until(began.Add(h.cfg.Timeout)))
	err = env.settle(limit, func() bool { return env.over(inv) })
	res.Duration = time.Since(began)
	if err := h.conclude(env, inv, res, err); err != nil {
		return nil, err
	}
	h.cfg.Log.Debug("invoked", "requestId", res.RequestID, "duration", res.Duration, "errorType", res.ErrorType)
	return res, nil
}

// takeSlot waits for its turn, or on managed instances refuses if there is none.
func (h *Host) takeSlot(ctx context.Context) error {
	if context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	if h.cfg.InitializationType == ManagedInstances {
		select {
		case h.slots <- struct{}{}:
			return nil
		default:
			return ErrBusy
		}
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ensure returns an environment that is ready for an invocation, and when the
// invocation's time began: after the INIT of a cold start, and before the INIT that
// follows a reset.
func (h *Host) ensure(ctx context.Context, res *Result) (*environment, time.Time, error) {
	began := time.Now()
	unlock, err := h.alone(ctx)
	if err != nil {
		return nil, began, err
	}
	defer unlock()

	env := h.current.Load()
	if env != nil {
		if err := h.thaw(env); err != nil {
			return nil, began, err
		}
		if f := env.failed(); f != nil { // a process ended between invocations
			if err := h.end(context.Background(), reasonFailure); err != nil {
				return nil, began, err
			}
			env = nil
		}
	}
	if env == nil {
		late, limit := timedOut("Init", h.cfg.InitTimeout), h.cfg.InitTimeout
		cold := !h.reset
		if !cold {
			late, limit = timedOut("Task", h.cfg.Timeout), h.cfg.Timeout
		}
		if env, err = h.start(ctx, late, limit); err != nil {
			return nil, began, err
		}
		if cold {
			began = time.Now()
		}
	}
	res.InitDuration, h.init = h.init, 0
	res.RestoreDuration, err = h.restore(ctx, env)
	if res.RestoreDuration > 0 {
		began = time.Now()
	}
	return env, began, err
}

// conclude tells in res what became of inv, where err is how the wait for its end
// came out, and resets the environment if that must not go on.
func (h *Host) conclude(env *environment, inv *invocation, res *Result, err error) error {
	answered := env.forget(inv)
	f, failed := errors.AsType[*Failure](err)
	switch {
	case answered:
		// What failed afterwards is not the caller's concern: it has its response.
		res.respond(inv.response)
	case failed:
		res.fail(f)
	}
	if err == nil {
		return nil
	}
	if h.cfg.InitializationType == ManagedInstances && env.failed() == nil {
		// The other invocations go on, and so does the code of this one.
		if failed {
			return nil
		}
		return err
	}
	res.Reset = string(reasonFor(err))
	if end := h.replace(env, reasonFor(err)); end != nil {
		return end
	}
	if !failed {
		return err
	}
	return nil
}

// replace ends env unless that has been done already.
func (h *Host) replace(env *environment, why reason) error {
	h.life <- struct{}{}
	defer func() { <-h.life }()
	if h.current.Load() != env {
		return nil
	}
	return h.end(context.Background(), why)
}
