// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// The error types of the two APIs. AWS documents the statuses only; the types are
// those that its Runtime Interface Emulator was seen to answer.
const (
	errInvalidName        = "Extension.InvalidExtensionName"
	errInvalidEventType   = "Extension.InvalidEventType"
	errInvalidState       = "Extension.InvalidExtensionState"
	errMissingIdentifier  = "Extension.MissingExtensionIdentifier"
	errInvalidIdentifier  = "Extension.InvalidExtensionIdentifier"
	errUnknownIdentifier  = "Extension.UnknownExtensionIdentifier"
	errMissingHeader      = "Extension.MissingHeader"
	errRegistrationClosed = "Extension.RegistrationClosed"
	errTooManyExtensions  = "Extension.TooManyExtensions"

	errInvalidFormat     = "InvalidRequestFormat"
	errInvalidRequestID  = "InvalidRequestID"
	errInvalidTransition = "InvalidStateTransition"
	errInvalidMode       = "InvalidFunctionResponseMode"
	errTooLarge          = "RequestEntityTooLarge"
	errTruncated         = "TruncatedHTTPRequest"
	errInternal          = "InternalServerError"
)

// apiError is an error answer of the Runtime API or the Extensions API.
type apiError struct {
	status  int
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *apiError) write(w http.ResponseWriter) { writeJSON(w, e.status, e) }

func badRequest(errorType, message string) *apiError {
	return &apiError{http.StatusBadRequest, message, errorType}
}

func forbidden(errorType, format string, args ...any) *apiError {
	return &apiError{http.StatusForbidden, fmt.Sprintf(format, args...), errorType}
}

// badTransition is the answer to a call that the caller's state does not allow.
func badTransition(errorType, who, from, to string) *apiError {
	return forbidden(errorType, "State transition from %s to %s failed for %s. Error: State transition is not allowed", from, to, who)
}

// containerError is the answer that tells a process to exit.
func containerError() *apiError {
	return &apiError{http.StatusInternalServerError, "Internal Server Error", errInternal}
}

// writeAccepted answers 202, as to all reports.
func writeAccepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// writeJSON answers with body. A client that has gone does not matter.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
