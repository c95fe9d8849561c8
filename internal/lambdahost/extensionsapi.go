// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The headers of the Extensions API.
const (
	headerExtensionName      = "Lambda-Extension-Name"
	headerExtensionID        = "Lambda-Extension-Identifier"
	headerExtensionFeature   = "Lambda-Extension-Accept-Feature"
	headerExtensionErrorType = "Lambda-Extension-Function-Error-Type"

	featureAccountID = "accountId"

	// maxSmallBody is the most bytes read of a body that has a few names in it.
	maxSmallBody = 64 << 10
)

// The types of events that extensions register for.
const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// event is what event/next answers.
type event struct {
	Type           string   `json:"eventType"`
	DeadlineMs     int64    `json:"deadlineMs"`
	RequestID      string   `json:"requestId,omitempty"`
	FunctionARN    string   `json:"invokedFunctionArn,omitempty"`
	Tracing        *tracing `json:"tracing,omitempty"`
	ShutdownReason reason   `json:"shutdownReason,omitempty"`
}

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// registration is the answer to register.
type registration struct {
	FunctionName    string `json:"functionName"`
	FunctionVersion string `json:"functionVersion"`
	Handler         string `json:"handler"`
	AccountID       string `json:"accountId,omitempty"`
}

// routeExtensions adds the Extensions API to mux.
func (h *Host) routeExtensions(mux *http.ServeMux) {
	const base = "/2020-01-01/extension/"
	mux.HandleFunc("POST "+base+"register", h.serveRegister)
	mux.HandleFunc("GET "+base+"event/next", h.identified((*environment).serveNextEvent))
	mux.HandleFunc("POST "+base+"init/error", h.identified((*environment).serveInitError))
	mux.HandleFunc("POST "+base+"exit/error", h.identified((*environment).serveExitError))
}

func (h *Host) serveRegister(w http.ResponseWriter, r *http.Request) {
	env := h.current.Load()
	if env == nil {
		containerError().write(w)
		return
	}
	name := r.Header.Get(headerExtensionName)
	if name == "" {
		forbidden(errInvalidName, "Empty extension name").write(w)
		return
	}
	var body struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSmallBody)).Decode(&body); err != nil {
		forbidden(errInvalidFormat, "%v", err).write(w)
		return
	}
	if len(body.ConfigurationKeys) > 0 {
		forbidden(errInvalidFormat, "configurationKeys are deprecated; use environment variables instead").write(w)
		return
	}
	id, refused := env.register(name, body.Events)
	if refused != nil {
		h.cfg.Log.Debug("extension refused", "name", name, "type", refused.Type)
		refused.write(w)
		return
	}
	h.cfg.Log.Debug("extension registered", "name", name, "events", body.Events)
	answer := registration{FunctionName: h.cfg.FunctionName, FunctionVersion: h.cfg.FunctionVersion, Handler: h.cfg.Handler}
	for feature := range strings.SplitSeq(r.Header.Get(headerExtensionFeature), ",") {
		if strings.TrimSpace(feature) == featureAccountID {
			answer.AccountID = h.cfg.AccountID
		}
	}
	w.Header().Set(headerExtensionID, id)
	writeJSON(w, http.StatusOK, answer)
}

// register takes up an extension and returns its identifier. A name that is none of
// the external extensions' is taken for an internal one's, which may not have SHUTDOWN:
// hence what an extension is told that does not register by its own file name.
func (e *environment) register(name string, events []string) (id string, refused *apiError) {
	e.update(func() {
		a := e.agentBy(func(a *agent) bool { return a.name == name })
		internal := a == nil || a.internal
		for _, t := range events {
			if !e.mayTake(t, internal) {
				refused = forbidden(errInvalidEventType, "%s: ErrorInvalidEventType", t)
				return
			}
		}
		switch {
		case e.phase >= phaseReady:
			refused = forbidden(errRegistrationClosed, "Extension registration closed already")
		case a != nil && a.internal:
			refused = forbidden(errInvalidState, "Extension with this name already registered")
		case a == nil && len(e.agents) >= MaxExtensions:
			refused = forbidden(errTooManyExtensions, "Extension limit (%d) reached", MaxExtensions)
		case a != nil && a.state != agentStarted:
			refused = badTransition(errInvalidState, "extension "+name, string(a.state), string(agentRegistered))
		default:
			if a == nil {
				a = &agent{name: name, id: newUUID(), internal: true}
				e.agents = append(e.agents, a)
			}
			a.state, a.events, id = agentRegistered, events, a.id
		}
	})
	return id, refused
}

// mayTake reports whether an extension may register for events of type t.
func (e *environment) mayTake(t string, internal bool) bool {
	managed := e.host.cfg.InitializationType == ManagedInstances
	return t == eventInvoke && !managed || t == eventShutdown && !internal
}

func (e *environment) agentBy(match func(*agent) bool) *agent {
	if i := slices.IndexFunc(e.agents, match); i >= 0 {
		return e.agents[i]
	}
	return nil
}

// identified passes on the calls of a registered extension.
func (h *Host) identified(next func(*environment, *agent, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		env := h.current.Load()
		if env == nil {
			containerError().write(w)
			return
		}
		id := r.Header.Get(headerExtensionID)
		if id == "" {
			forbidden(errMissingIdentifier, "Missing %s header", headerExtensionID).write(w)
			return
		}
		if !isUUID(id) {
			forbidden(errInvalidIdentifier, "Invalid %s", headerExtensionID).write(w)
			return
		}
		env.mu.Lock()
		a := env.agentBy(func(a *agent) bool { return a.id == id && a.state != agentStarted })
		env.mu.Unlock()
		if a == nil {
			forbidden(errUnknownIdentifier, "Unknown extension %s", id).write(w)
			return
		}
		w.Header().Set(headerExtensionID, id)
		next(env, a, w, r)
	}
}

func (e *environment) serveNextEvent(a *agent, w http.ResponseWriter, r *http.Request) {
	next, refused := e.nextEvent(r.Context(), a)
	if refused != nil {
		refused.write(w)
		return
	}
	writeJSON(w, http.StatusOK, next)
}

// nextEvent waits for the next event for a. To ask for it is to be done with the last
// one, unless the next is there already.
func (e *environment) nextEvent(ctx context.Context, a *agent) (next event, refused *apiError) {
	var call int
	e.update(func() {
		if a.state != agentRegistered && a.state != agentReady {
			refused = badTransition(errInvalidState, "extension "+a.name, string(a.state), string(agentReady))
			return
		}
		a.state = agentReady
		a.ready = len(a.queue) == 0
		a.calls++
		call = a.calls
	})
	if refused != nil {
		return event{}, refused
	}
	err := e.await(ctx, func() bool {
		switch {
		case a.calls != call:
			refused = badTransition(errInvalidState, "extension "+a.name, string(a.state), string(agentReady))
		case len(a.queue) > 0:
			next, a.queue = a.queue[0], a.queue[1:]
		default:
			return false
		}
		return true
	})
	if err != nil {
		return event{}, containerError()
	}
	return next, refused
}

func (e *environment) serveInitError(a *agent, w http.ResponseWriter, r *http.Request) {
	e.serveExtensionError(a, w, r, agentInitError)
}

func (e *environment) serveExitError(a *agent, w http.ResponseWriter, r *http.Request) {
	e.serveExtensionError(a, w, r, agentExitError)
}

// serveExtensionError takes an extension's report that it can't go on. Only init/error
// is bound to INIT; after either no further call succeeds.
func (e *environment) serveExtensionError(a *agent, w http.ResponseWriter, r *http.Request, to agentState) {
	errorType := r.Header.Get(headerExtensionErrorType)
	if errorType == "" {
		forbidden(errMissingHeader, "%s not found", headerExtensionErrorType).write(w)
		return
	}
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxSmallBody))
	var refused *apiError
	e.update(func() {
		allowed := a.state == agentRegistered || a.state == agentReady && to == agentExitError
		if !allowed {
			refused = badTransition(errInvalidState, "extension "+a.name, string(a.state), string(to))
			return
		}
		a.state = to
	})
	if refused != nil {
		refused.write(w)
		return
	}
	e.fail(func() *Failure {
		f := a.exitFailure(exitStatus{})
		f.Message = errorType
		return f
	})
	writeAccepted(w)
}
