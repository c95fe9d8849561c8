// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	// ErrTransform means that a value is not what it was asked for as: not JSON, not
	// base64, without a field, or not of the type of a Go value.
	ErrTransform = errors.New("value of another form")
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
// of this package, and errors.Is finds ErrNotFound, ErrAccessDenied, ErrUnavailable and
// ErrTransform.
type Error struct {
	// ID is what was asked for.
	ID string
	// Code is AWS's code, such as ResourceNotFoundException; or TimeoutError,
	// ConnectionError or CredentialsError if AWS was not reached; or TransformError. It
	// may be empty.
	Code string
	// Err is the cause.
	Err error

	doing string // "" is getting
}

const codeTransform = "TransformError"

// Error implements error.
func (e *Error) Error() string {
	doing := cmp.Or(e.doing, "getting")
	return fmt.Sprintf("coffer: %s %q: %v", doing, e.ID, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is implements what errors.Is asks for.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Code == "ResourceNotFoundException" || e.Code == "ParameterNotFound" || e.Code == "ParameterVersionNotFound"
	case ErrAccessDenied:
		return e.Code == api.AccessDeniedException.Code || e.Code == api.AccessDenied.Code
	case ErrTransform:
		return e.Code == codeTransform
	case ErrUnavailable:
		_, unavailable := errors.AsType[*cache.Unavailable](e.Err)
		return unavailable || client.Unavailable(e.Err) || unavailableByCode(e.Code)
	}
	return false
}

// unavailableByCode goes by the code of an error, which is all that an extension tells; of a
// throttle, client.Unavailable knows it.
func unavailableByCode(code string) bool {
	return code == "TimeoutError" || code == "ConnectionError" ||
		strings.HasPrefix(code, "ServiceUnavailable") || strings.HasPrefix(code, "Internal")
}

// Errors are those of a call for several things, by what was asked for. errors.As and
// errors.Is find what is in any of them.
type Errors map[string]error

// Error implements error. It has all of them, in the order of names.
func (e Errors) Error() string {
	var all []string
	for _, err := range e.Unwrap() {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

// Unwrap returns the errors in the order of names.
func (e Errors) Unwrap() []error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(e)) {
		all = append(all, e[name])
	}
	return all
}

// or returns e as an error, or nil if there is none in it.
func (e Errors) or() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// wrap makes an Error of what a store returned.
func wrap(id string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
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
