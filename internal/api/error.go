// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
)

// ErrorCode is one of AWS's errors as its model declares it.
type ErrorCode struct {
	// Code is the name on the wire: "ResourceNotFoundException".
	Code string
	// Status is the HTTP status. Zero means 400.
	Status int
	// Member is the name of the member that carries the message, "message" or
	// "Message", which differs between errors of one service. Empty means "message".
	Member string
}

// New returns an error with this code. The message goes to the client: it never
// holds a secret's value.
func (c ErrorCode) New(message string) *Error { return &Error{ErrorCode: c, Message: message} }

// Newf is New with a format.
func (c ErrorCode) Newf(format string, args ...any) *Error {
	return c.New(fmt.Sprintf(format, args...))
}

// Is reports whether err is or wraps an Error with this code.
func (c ErrorCode) Is(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == c.Code
}

// HTTPStatus is the status to answer with.
func (c ErrorCode) HTTPStatus() int {
	if c.Status == 0 {
		return 400
	}
	return c.Status
}

// Error is an answer that is an error: what a handler returns to refuse a call, and
// what a client gets.
type Error struct {
	ErrorCode
	// Message is told to the client.
	Message string
	// Details points to a struct in the form of the generated ones, with the members that
	// the error has beside its message. It may be nil.
	Details any
	// Cause is not told: it is for the server's log. It may be nil.
	Cause error
	// RequestID is set on errors that came from a server.
	RequestID string
}

// WithDetails returns e with the members that the client is told beside the message.
func (e *Error) WithDetails(details any) *Error {
	e.Details = details
	return e
}

// WithCause returns e with the cause set, for a log to show and the client not.
func (e *Error) WithCause(err error) *Error {
	e.Cause = err
	return e
}

// Error implements error: the code and the message, as the client sees them.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
