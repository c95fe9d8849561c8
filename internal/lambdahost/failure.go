// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The error types by which Lambda names a failure of an environment.
const (
	TypeTimedOut            = "Sandbox.Timedout"
	TypeRuntimeExit         = "Runtime.ExitError"
	TypeRuntimeInit         = "Runtime.InitError"
	TypeRuntimeRestore      = "Runtime.RestoreError"
	TypeInvalidEntrypoint   = "Runtime.InvalidEntrypoint"
	TypeExtensionCrash      = "Extension.Crash"
	TypeExtensionInit       = "Extension.InitError"
	TypeExtensionExit       = "Extension.ExitError"
	TypeExtensionLaunch     = "Extension.LaunchError"
	TypeResponseTooLarge    = "Function.ResponseSizeTooLarge"
	TypeInvalidResponseMode = "Runtime.InvalidResponseModeHeader"
)

// Errors of Invoke and Freeze that are the caller's, not the function's.
var (
	// ErrClosed says that the host has been shut down.
	ErrClosed = errors.New("lambda host is shut down")
	// ErrPayloadTooLarge says that an event has more than MaxPayload bytes.
	ErrPayloadTooLarge = fmt.Errorf("event is larger than %d bytes", MaxPayload)
	// ErrBusy says that the environment can take no further invocation now, or can't
	// be frozen because it has one.
	ErrBusy = errors.New("lambda environment is busy")
)

// Failure is why an environment failed: the error of an INIT, and the cause that an
// invocation's error document tells.
type Failure struct {
	// Type is Lambda's error type, one of the Type constants or one that the
	// runtime reported.
	Type string
	// Message says what happened.
	Message string
	// Document is what the runtime posted to report the failure, if it did; an
	// invocation that fails by it returns it as it is.
	Document []byte
}

// Error implements error. It leaves the Document out, since that is the function's
// own text.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// payload returns the error document of the invocation requestID.
func (f *Failure) payload(requestID string) []byte {
	if f.Document != nil {
		return f.Document
	}
	return errorDocument(f.Type, fmt.Sprintf("RequestId: %s Error: %s", requestID, f.Message))
}

func errorDocument(errorType, message string) []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	if err != nil {
		panic("two strings do not marshal: " + err.Error()) // unreachable
	}
	return b
}

// timedOut is the failure of an action that had limit for its time.
func timedOut(action string, limit time.Duration) *Failure {
	return &Failure{Type: TypeTimedOut, Message: fmt.Sprintf("%s timed out after %.2f seconds", action, limit.Seconds())}
}
