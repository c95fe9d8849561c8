// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// The headers of the Runtime API.
const (
	headerRequestID    = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline     = "Lambda-Runtime-Deadline-Ms"
	headerFunctionARN  = "Lambda-Runtime-Invoked-Function-Arn"
	headerTraceID      = "Lambda-Runtime-Trace-Id"
	headerErrorType    = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody    = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode = "Lambda-Runtime-Function-Response-Mode"

	responseStreaming = "streaming"
)

// The paths of the Runtime API.
const (
	pathRuntime        = "/2018-06-01/runtime/"
	pathNextInvocation = pathRuntime + "invocation/next"
	pathInitError      = pathRuntime + "init/error"
	pathNextRestore    = pathRuntime + "restore/next"
	pathRestoreError   = pathRuntime + "restore/error"
)

// routeRuntime adds the Runtime API to mux.
func (h *Host) routeRuntime(mux *http.ServeMux) {
	handle := func(pattern string, serve func(*environment, http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			env := h.current.Load()
			if env == nil {
				containerError().write(w)
				return
			}
			serve(env, w, r)
		})
	}
	handle("GET "+pathNextInvocation, (*environment).serveNextInvocation)
	handle("POST "+pathRuntime+"invocation/{id}/response", (*environment).serveResponse)
	handle("POST "+pathRuntime+"invocation/{id}/error", (*environment).serveInvocationError)
	handle("POST "+pathInitError, (*environment).serveRuntimeInitError)
	if h.cfg.InitializationType == SnapStart {
		handle("GET "+pathNextRestore, (*environment).serveNextRestore)
		handle("POST "+pathRestoreError, (*environment).serveRestoreError)
		mux.HandleFunc("GET "+credentialsPath, h.serveCredentials)
	}
}

func (e *environment) serveNextInvocation(w http.ResponseWriter, r *http.Request) {
	inv, err := e.nextInvocation(r.Context())
	if err != nil {
		containerError().write(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set(headerRequestID, inv.id)
	header.Set(headerDeadline, strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	header.Set(headerFunctionARN, e.host.cfg.functionARN())
	header.Set(headerTraceID, inv.traceID)
	_, _ = w.Write(inv.payload)
}

// nextInvocation waits for an invocation to hand to the runtime. To ask for it is to
// be done with the last one. A runtime that serves one at a time and asks again
// without having answered is given the same one again.
func (e *environment) nextInvocation(ctx context.Context) (inv *invocation, err error) {
	e.update(func() { e.asked = e.asked || len(e.queue) == 0 && e.unanswered() == nil })
	err = e.await(ctx, func() bool {
		if len(e.queue) > 0 {
			inv, e.queue = e.queue[0], e.queue[1:]
		} else {
			inv = e.unanswered()
		}
		return inv != nil
	})
	return inv, err
}

// unanswered returns the invocation that the runtime is busy with, unless it can be
// busy with several.
func (e *environment) unanswered() *invocation {
	if e.host.cfg.InitializationType == ManagedInstances {
		return nil
	}
	for _, inv := range e.live {
		if !inv.answered {
			return inv
		}
	}
	return nil
}

func (e *environment) serveResponse(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if refused := e.mayAnswer(id, "InvocationResponse"); refused != nil {
		refused.write(w)
		return
	}
	if mode := r.Header.Get(headerResponseMode); mode != "" && mode != responseStreaming {
		e.answer(id, response{errorType: TypeInvalidResponseMode, payload: errorDocument(TypeInvalidResponseMode, "Invalid function response mode")})
		badRequest(errInvalidMode, "Invalid function response mode").write(w)
		return
	}
	body, refused := readBody(w, r)
	if refused != nil {
		if refused.Type == errTooLarge {
			message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)
			e.answer(id, response{errorType: TypeResponseTooLarge, payload: errorDocument(TypeResponseTooLarge, message)})
		}
		refused.write(w)
		return
	}
	answer := response{payload: body}
	// A streamed response tells in its trailer that it broke off.
	if errorType := r.Trailer.Get(headerErrorType); errorType != "" {
		answer = response{errorType: errorType, payload: []byte(r.Trailer.Get(headerErrorBody))}
	}
	e.writeAnswered(w, id, answer)
}

func (e *environment) serveInvocationError(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if refused := e.mayAnswer(id, "InvocationErrorResponse"); refused != nil {
		refused.write(w)
		return
	}
	body, refused := readBody(w, r)
	if refused != nil {
		refused.write(w)
		return
	}
	e.writeAnswered(w, id, response{errorType: errorTypeOf(r.Header, body, "Runtime.Unknown"), payload: body})
}

// writeAnswered takes the answer to an invocation, and answers the runtime.
func (e *environment) writeAnswered(w http.ResponseWriter, id string, a response) {
	if refused := e.answer(id, a); refused != nil {
		refused.write(w)
		return
	}
	writeAccepted(w)
}

func (e *environment) serveRuntimeInitError(w http.ResponseWriter, r *http.Request) {
	e.serveRuntimeFailure(w, r, TypeRuntimeInit, func() bool { return e.phase == phaseRuntime && !e.asked && !e.restoring })
}

func (e *environment) serveRestoreError(w http.ResponseWriter, r *http.Request) {
	e.serveRuntimeFailure(w, r, TypeRuntimeRestore, func() bool { return e.restored && !e.asked })
}

// serveRuntimeFailure takes the runtime's report that it can't serve invocations.
func (e *environment) serveRuntimeFailure(w http.ResponseWriter, r *http.Request, fallback string, allowed func() bool) {
	body, refused := readBody(w, r)
	if refused != nil {
		refused.write(w)
		return
	}
	e.mu.Lock()
	ok := allowed()
	e.mu.Unlock()
	if !ok {
		badTransition(errInvalidTransition, "runtime", "Ready", fallback).write(w)
		return
	}
	errorType := errorTypeOf(r.Header, body, fallback)
	if len(body) == 0 {
		body = errorDocument(errorType, "")
	}
	e.fail(func() *Failure { return &Failure{Type: errorType, Message: "reported by the runtime", Document: body} })
	writeAccepted(w)
}

// serveNextRestore holds the runtime where its snapshot is taken, and lets it go when
// the environment is restored.
func (e *environment) serveNextRestore(w http.ResponseWriter, r *http.Request) {
	refused := false
	e.update(func() {
		refused = e.asked || e.restored
		e.restoring = e.restoring || !refused
	})
	if refused {
		badTransition(errInvalidTransition, "runtime", "Ready", "RestoreReady").write(w)
		return
	}
	if err := e.await(r.Context(), func() bool { return e.restored }); err != nil {
		containerError().write(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// errorTypeOf returns the type that a runtime's error report has, in its header or
// in its document.
func errorTypeOf(header http.Header, body []byte, fallback string) string {
	if t := header.Get(headerErrorType); t != "" {
		return t
	}
	var document struct {
		Type string `json:"errorType"`
	}
	if json.Unmarshal(body, &document) == nil && document.Type != "" {
		return document.Type
	}
	return fallback
}

// readBody reads a body of MaxPayload bytes at most.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		message := fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxPayload)
		return nil, &apiError{http.StatusRequestEntityTooLarge, message, errTooLarge}
	}
	if err != nil {
		return nil, badRequest(errTruncated, "HTTP request detected as truncated")
	}
	return body, nil
}
