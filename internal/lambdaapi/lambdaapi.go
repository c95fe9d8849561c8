// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package lambdaapi is a client of Lambda's Extensions API: how an external extension
// registers, waits for the events of its execution environment, and reports that it has
// failed.
//
// The calls are those of the AWS Lambda Developer Guide, "Using the Lambda Extensions
// API to create extensions". Next blocks for as long as the environment is idle, hours
// maybe, in which the whole process may be frozen: it has no time limit of its own.
package lambdaapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// EventType is what an event tells of.
type EventType string

// The event types that an extension can register for.
const (
	Invoke   EventType = "INVOKE"
	Shutdown EventType = "SHUTDOWN"
)

const (
	basePath         = "/2020-01-01/extension/"
	nameHeader       = "Lambda-Extension-Name"
	identifierHeader = "Lambda-Extension-Identifier"
	errorTypeHeader  = "Lambda-Extension-Function-Error-Type"
	// maxAnswer bounds an answer in bytes. Events carry no payload.
	maxAnswer = 1 << 20
)

// Event is an answer of Next.
type Event struct {
	// Type is Invoke or Shutdown, or one that Lambda invents later.
	Type EventType `json:"eventType"`
	// DeadlineMs is when the function's time is up, or the extension's, in
	// milliseconds since 1970, by the wall clock.
	DeadlineMs int64 `json:"deadlineMs"`
	// RequestID is the invocation's.
	RequestID string `json:"requestId"`
	// ShutdownReason is a word of Lambda's, which differs between hosts.
	ShutdownReason string `json:"shutdownReason"`
}

// APIError is an answer that is not a success.
type APIError struct {
	// Operation is the path's last part: "register".
	Operation string
	// Status is the HTTP status.
	Status int
	// Type is Lambda's name for the error, such as Extension.InvalidEventType.
	Type string `json:"errorType"`
	// Message is Lambda's explanation.
	Message string `json:"errorMessage"`
}

// Error implements error.
func (e *APIError) Error() string {
	return fmt.Sprintf("extensions API: %s: %d %s: %s", e.Operation, e.Status, e.Type, e.Message)
}

// Client talks to the API for one extension. Register comes first; after that it is safe
// for concurrent use.
type Client struct {
	base      string
	transport http.RoundTripper
	id        string
}

// New returns a Client of the API at host, which is what AWS_LAMBDA_RUNTIME_API says. It
// sends its calls over transport, or if that is nil over one of its own.
func New(host string, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = &http.Transport{DisableCompression: true}
	}
	return &Client{base: "http://" + host + basePath, transport: transport}
}

// Close drops the connections.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Register registers the extension for events. The name must be that of its executable
// file, or Lambda refuses it.
func (c *Client) Register(ctx context.Context, name string, events ...EventType) error {
	body, err := json.Marshal(map[string][]EventType{"events": events})
	if err != nil {
		return err
	}
	header, _, err := c.do(ctx, http.MethodPost, "register", body, nameHeader, name)
	if err != nil {
		return err
	}
	if c.id = header.Get(identifierHeader); c.id == "" {
		return errors.New("extensions API: register: the answer has no " + identifierHeader)
	}
	return nil
}

// Next asks for the next event. By asking, the extension says that it has done what it
// had to do for the one before: when all have, the environment may be frozen.
func (c *Client) Next(ctx context.Context) (Event, error) {
	var e Event
	_, answer, err := c.do(ctx, http.MethodGet, "event/next", nil, identifierHeader, c.id)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(answer, &e); err != nil {
		return e, fmt.Errorf("extensions API: event/next: %w", err)
	}
	return e, nil
}

// InitError reports that the extension can't start; it must exit then. The type is a
// word of its own, such as Extension.PortTaken.
func (c *Client) InitError(ctx context.Context, errorType string, cause error) error {
	return c.report(ctx, "init/error", errorType, cause)
}

// ExitError reports why the extension is about to exit.
func (c *Client) ExitError(ctx context.Context, errorType string, cause error) error {
	return c.report(ctx, "exit/error", errorType, cause)
}

func (c *Client) report(ctx context.Context, path, errorType string, cause error) error {
	body, err := json.Marshal(map[string]any{"errorType": errorType, "errorMessage": cause.Error(), "stackTrace": []string{}})
	if err != nil {
		return err
	}
	_, _, err = c.do(ctx, http.MethodPost, path, body, identifierHeader, c.id, errorTypeHeader, errorType)
	return err
}

// do calls the API with headers given as names and values.
func (c *Client) do(ctx context.Context, method, path string, body []byte, headers ...string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("extensions API: %s: %w", path, err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, fmt.Errorf("extensions API: %s: %w", path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("extensions API: %s: %w", path, err)
	}
	if res.StatusCode/100 != 2 {
		failed := &APIError{Operation: path[strings.LastIndexByte(path, '/')+1:], Status: res.StatusCode}
		_ = json.Unmarshal(answer, failed) // what can't be read leaves the status
		return nil, nil, failed
	}
	return res.Header, answer, nil
}
