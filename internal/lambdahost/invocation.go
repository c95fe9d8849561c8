// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import "time"

// invocation is one event on its way through the runtime.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time // by the environment's wall clock
	traceID  string

	answered bool
	response response
}

// response is the answer to an invocation; it is an error if errorType is set.
type response struct {
	payload   []byte
	errorType string
}

// dispatch hands an invocation to the runtime and tells the extensions of it.
func (e *environment) dispatch(id string, payload []byte, limit time.Duration) *invocation {
	now := e.host.cfg.Clock.Now()
	inv := &invocation{id: id, payload: payload, deadline: now.Add(limit), traceID: newTraceID(now)}
	invoke := event{
		Type:        eventInvoke,
		DeadlineMs:  inv.deadline.UnixMilli(),
		RequestID:   id,
		FunctionARN: e.host.cfg.functionARN(),
		Tracing:     &tracing{"X-Amzn-Trace-Id", inv.traceID},
	}
	e.update(func() {
		e.live[id] = inv
		e.queue = append(e.queue, inv)
		if e.host.cfg.InitializationType == ManagedInstances {
			return // the runtime keeps asking, and extensions are not told
		}
		e.asked = false
		for _, a := range e.agents {
			if a.takes(eventInvoke) {
				a.give(invoke)
			}
		}
	})
	return inv
}

// over reports whether the invocation has ended: it is answered, and everybody has
// asked for what comes next.
func (e *environment) over(inv *invocation) bool {
	return inv.answered && e.asked && e.allReady()
}

// forget ends the environment's interest in an invocation. A managed instance goes on
// with one that has timed out; what the runtime answers to it then is refused.
func (e *environment) forget(inv *invocation) (answered bool) {
	e.update(func() {
		delete(e.live, inv.id)
		for i, queued := range e.queue {
			if queued == inv {
				e.queue = append(e.queue[:i:i], e.queue[i+1:]...)
				break
			}
		}
		answered = inv.answered
	})
	return answered
}

// mayAnswer reports why the runtime may not answer the invocation id.
func (e *environment) mayAnswer(id, to string) *apiError {
	e.mu.Lock()
	defer e.mu.Unlock()
	inv := e.live[id]
	if inv == nil {
		return badRequest(errInvalidRequestID, "Invalid request ID")
	}
	if inv.answered {
		return badTransition(errInvalidTransition, "runtime", "ResponseSent", to)
	}
	return nil
}

// answer records the answer to the invocation id.
func (e *environment) answer(id string, r response) (refused *apiError) {
	e.update(func() {
		inv := e.live[id]
		switch {
		case inv == nil:
			refused = badRequest(errInvalidRequestID, "Invalid request ID")
		case inv.answered:
			refused = badTransition(errInvalidTransition, "runtime", "ResponseSent", "InvocationResponse")
		default:
			inv.answered, inv.response = true, r
		}
	})
	return refused
}
