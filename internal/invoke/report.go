// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// Report is what one invocation came to.
type Report struct {
	// RequestID is the invocation's.
	RequestID string `json:"requestId"`
	// Payload is the function's response, or its error document. A response that is not
	// JSON is a JSON string here.
	Payload json.RawMessage `json:"payload"`
	// FunctionError is "Unhandled" if the payload is an error document, and ErrorType
	// the error's type.
	FunctionError string `json:"functionError,omitempty"`
	ErrorType     string `json:"errorType,omitempty"`
	// Reset says that the environment has ended after the invocation, and why: "timeout"
	// or "failure".
	Reset string `json:"reset,omitempty"`
	// The times are in milliseconds. Init and Restore are of the environment's start, if
	// this invocation needed one.
	DurationMs        float64 `json:"durationMs"`
	InitDurationMs    float64 `json:"initDurationMs,omitempty"`
	RestoreDurationMs float64 `json:"restoreDurationMs,omitempty"`
	// MemorySizeMB is the function's memory as it is told of it.
	MemorySizeMB int `json:"memorySizeMB"`
	// Extension is what the extension answered to the function, during INIT too.
	Extension []Answer `json:"extension"`
}

func newReport(r *lambdahost.Result, memory int) *Report {
	payload := json.RawMessage(r.Payload)
	if !json.Valid(payload) {
		payload, _ = json.Marshal(strings.ToValidUTF8(string(r.Payload), "\ufffd")) // a string can be marshalled
	}
	return &Report{
		RequestID: r.RequestID, Payload: payload, FunctionError: r.FunctionError, ErrorType: r.ErrorType, Reset: r.Reset,
		DurationMs: milliseconds(r.Duration), InitDurationMs: milliseconds(r.InitDuration),
		RestoreDurationMs: milliseconds(r.RestoreDuration), MemorySizeMB: memory, Extension: []Answer{},
	}
}

// milliseconds are rounded to hundredths, as in Lambda's own reports.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(10*time.Microsecond)) / 100
}

// oneAtATime returns output with a lock around it, or what discards.
func oneAtATime(output func(source, line string)) func(source, line string) {
	if output == nil {
		return func(string, string) {}
	}
	var mu sync.Mutex
	return func(source, line string) {
		mu.Lock()
		defer mu.Unlock()
		output(source, line)
	}
}
