// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// Bounds of what is kept of a function's error, in bytes.
const (
	maxErrorType    = 128
	maxErrorMessage = 1024
)

// FunctionError is an error that a function reported, or that ended it.
type FunctionError struct {
	// Type is the errorType: a name of the function's own, or one of Lambda's, such as
	// Runtime.ExitError. It has no spaces and no control characters, and 128 bytes at most.
	Type string
	// Message is the errorMessage, cut off at 1,024 bytes. It is the function's own text, in
	// which anything may be that the function was careless with: it is for whoever runs
	// the function, and Error leaves it out.
	Message string
}

// Error implements error.
func (e *FunctionError) Error() string { return "the function failed: " + e.Type }

// reported makes an error of the document that a function, or Lambda for it, returned.
func reported(document []byte) error {
	var d struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	// A document of another form is an error of the function all the same.
	_ = json.Unmarshal(document, &d)
	if d.Type == lambdahost.TypeTimedOut {
		return ErrTimedOut
	}
	e := &FunctionError{Type: printable(d.Type, maxErrorType, '.'), Message: printable(d.Message, maxErrorMessage, ' ')}
	if e.Type == "" {
		e.Type = "Unknown"
	}
	return e
}

// printable returns the beginning of a text from outside, fit for a line of a log: what is
// not printable is replaced, and with it the space unless that is the replacement.
func printable(s string, limit int, replacement rune) string {
	s = s[:min(len(s), limit)]
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar {
			return -1 // a part of a character, where the text was cut off
		}
		if r == ' ' || !unicode.IsPrint(r) {
			return replacement
		}
		return r
	}, s)
}
