// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
)

// What errors.Is finds in the errors of this package.
var (
	// ErrNotFound means that there is no such secret, version or parameter.
	ErrNotFound = errors.New("not found")
	// ErrAccessDenied means that the caller may not read it.
	ErrAccessDenied = errors.New("access denied")
	// ErrUnavailable means that the source can't be reached or is overloaded, and that
	// no value is left that could stand in.
	ErrUnavailable = errors.New("source unavailable")
	// ErrAuthentication is what a function given to With reports of a secret that
	// did not work.
	ErrAuthentication = errors.New("the secret did not work")
)

// AuthFailed wraps an error of With's function so that With tries another version.
func AuthFailed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrAuthentication, err)
}

// Error is a secret or parameter that could not be had. errors.As finds it in the errors
// of this package, and errors.Is finds ErrNotFound, ErrAccessDenied and ErrUnavailable.
type Error struct {
	// ID is what was asked for.
	ID string
	// Code is AWS's code, such as ResourceNotFoundException; or TimeoutError,
	// ConnectionError or CredentialsError if AWS was not reached. It may be empty.
	Code string
	// Err is the cause.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("coffer: getting %q: %v", e.ID, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is implements what errors.Is asks for.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Code == "ResourceNotFoundException" || e.Code == "ParameterNotFound" || e.Code == "ParameterVersionNotFound"
	case ErrAccessDenied:
		return e.Code == api.AccessDeniedException.Code || e.Code == api.AccessDenied.Code
	case ErrUnavailable:
		_, unavailable := errors.AsType[*cache.Unavailable](e.Err)
		// An extension tells the code alone: of a throttle, that is enough.
		return unavailable || client.Unavailable(e.Err) || e.Code == "TimeoutError" || e.Code == "ConnectionError"
	}
	return false
}

// wrap makes an Error of what a store returned.
func wrap(id string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{ID: id, Err: err}
	answer, answered := errors.AsType[*api.Error](err)
	_, unavailable := errors.AsType[*cache.Unavailable](err)
	switch {
	case answered:
		e.Code = answer.Code
	case errors.Is(err, client.ErrNoCredentials):
		e.Code = "CredentialsError"
	case errors.Is(err, context.DeadlineExceeded):
		e.Code = "TimeoutError"
	case unavailable:
		e.Code = "ConnectionError"
	}
	return e
}
