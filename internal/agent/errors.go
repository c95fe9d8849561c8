// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source"
)

const errorHeader = "X-Error-Code"

// failure is what an error comes to, for a client to be told. It has no value in it.
type failure struct {
	// code is the header X-Error-Code: AWS's code, or what kept a request from AWS.
	code string
	// message is AWS's, or ours where AWS said nothing.
	message string
	// status is AWS's, or that which the Secrets Manager Agent has for it.
	status int
	// throttle is set if it is the caller's budget that is spent.
	throttle *OverBudget
}

// errNoField is what there is to say of a value that has no member of some name.
var errNoField = api.ErrorCode{Code: "FieldNotFound"}

func failureOf(err error) failure {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return failure{code: e.Code, message: e.Message, status: e.HTTPStatus()}
	}
	if e, ok := errors.AsType[*OverBudget](err); ok {
		return failure{"ThrottlingException", "Rate exceeded", http.StatusTooManyRequests, e}
	}
	if e, ok := errors.AsType[*source.Unconfigured](err); ok {
		return failure{code: "SourceNotConfigured", message: e.Error(), status: http.StatusBadRequest}
	}
	switch {
	case errors.Is(err, client.ErrNoCredentials):
		return failure{code: "CredentialsError", message: "No credentials", status: http.StatusInternalServerError}
	case errors.Is(err, context.DeadlineExceeded):
		return failure{code: "TimeoutError", message: "Timeout", status: http.StatusGatewayTimeout}
	case errors.Is(err, context.Canceled), errors.Is(err, cache.ErrClosed):
		return failure{code: "Canceled", message: "Canceled", status: http.StatusServiceUnavailable}
	}
	if _, ok := errors.AsType[*cache.Unavailable](err); ok {
		return failure{code: "ConnectionError", message: "Read Error", status: http.StatusBadGateway}
	}
	return failure{code: "InternalFailure", status: http.StatusInternalServerError}
}

// codeOf names an error in the log.
func codeOf(err error) string { return failureOf(err).code }

// fail answers with an error of the store, as the path's contract has it, and its cause
// in headers.
func (a *Agent) fail(c call, id string, err error) int {
	f := failureOf(err)
	a.tell(id, f, err)
	if f.throttle != nil {
		c.w.Header()["Retry-After"] = []string{f.throttle.after()}
	}
	c.w.Header()[errorHeader] = []string{f.code}
	return c.contract.failure(f).write(c.w)
}

// tell logs an error of the store.
func (a *Agent) tell(id string, f failure, err error) {
	switch {
	case f.throttle == nil:
		a.log.Error("request failed", "id", id, "code", f.code, "error", err.Error())
	case f.throttle.First:
		a.log.Warn("a caller asks for more than COFFER_REQUEST_BUDGET allows", "id", id)
	}
}

// after is the header Retry-After: whole seconds, one at least.
func (e *OverBudget) after() string {
	return strconv.FormatInt(max(1, int64((e.Wait+time.Second-1)/time.Second)), 10)
}
