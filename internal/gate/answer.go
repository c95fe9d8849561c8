// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// errUnrecorded refuses a call while the audit log can't take its record.
func errUnrecorded(cause error) error {
	return api.ServiceUnavailable.New("The audit log can't be written, so the request was refused and has changed nothing. " +
		"The server's operator: free space for the log, or mend its file.").WithCause(cause)
}

// answer is an error of the call as the client is told it, and as the audit record
// has it. What is not an answer of AWS's stays in the server's log, under the
// request's id.
func (c *Call) answer(err error) *api.Error {
	if answer, ok := errors.AsType[*api.Error](err); ok {
		return answer
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return api.ServiceUnavailable.New("The request was cancelled before it was done, and has changed nothing.")
	case errors.Is(err, kv.ErrFull):
		return api.ServiceUnavailable.New("The store has no room left; the request has changed nothing. " +
			"The server's operator: free space on its disk.")
	case errors.Is(err, kv.ErrClosed):
		return api.ServiceUnavailable.New("The server is stopping; the request was not done.")
	case errors.Is(err, kv.ErrReadOnly): // whether the write that met the fault is kept shows after a restart
		return api.ServiceUnavailable.New("The store has stopped taking writes after a fault of its disk. " +
			"The server's operator: mend the disk, and start the server again.")
	}
	return api.InternalFailure.New("The server could not do the request, which has changed nothing. " +
		"Its log says why, under request id " + c.RequestID + ".")
}

// report writes to the server's log what the client is not told of an error.
func (g *Gate) report(call *Call, answer *api.Error, err error) {
	level, cause := slog.LevelWarn, answer.Cause
	if answer.HTTPStatus() >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if _, ok := errors.AsType[*api.Error](err); !ok {
		cause = err
	}
	if cause == nil {
		return
	}
	if errors.Is(cause, context.Canceled) {
		level = slog.LevelDebug // the client is gone
	}
	attributes := []any{"request", call.RequestID, "answer", answer.Code, "cause", cause}
	if p, ok := errors.AsType[*panicked](err); ok {
		attributes = append(attributes, "stack", string(p.stack))
	}
	g.log.Log(context.Background(), level, "call refused", attributes...)
}

// panicked is a panic as an error. Its value is left out unless the runtime made it:
// one of somebody's own may quote what the call was about.
type panicked struct {
	what  string
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return "panic: " + p.what }

// recovered, when deferred, makes an error of a panic, so that the call is undone,
// recorded and answered as one that failed.
func recovered(err *error) {
	p := recover()
	if p == nil {
		return
	}
	what := fmt.Sprintf("%T", p)
	if fault, ok := p.(runtime.Error); ok {
		what = fault.Error()
	}
	*err = &panicked{what, debug.Stack()}
}
