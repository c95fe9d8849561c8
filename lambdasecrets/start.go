// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdasecrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"
)

// Start is a whole main function: it wraps the handler, and runs it for one event after the
// other, as long as Lambda lets the process live. It is for the runtime provided.al2023, and
// for functions that need nothing more of aws-lambda-go than its lambda.Start. It does not
// return.
//
//	func main() { lambdasecrets.Start(handle) }
//
// A managed instance's handlers run at the same time, as many as Lambda allows. An error of
// the handler is the invocation's, and a panic ends the process: Lambda starts another.
func Start[T, In, Out any](handler func(context.Context, In, T) (Out, error), options ...Option) {
	wrapped := Wrap(handler, options...)
	err := serve(context.Background(), os.Getenv, func(ctx context.Context, payload []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, err
		}
		out, err := wrapped(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

const (
	runtimePath    = "/2018-06-01/runtime/invocation/"
	requestHeader  = "Lambda-Runtime-Aws-Request-Id"
	deadlineHeader = "Lambda-Runtime-Deadline-Ms"
	typeHeader     = "Lambda-Runtime-Function-Error-Type"

	// maxEvent bounds an event in bytes, above what Lambda lets through (6 MB).
	maxEvent = 8 << 20
)

// runtime is a client of Lambda's Runtime API (AWS Lambda Developer Guide, "Using the
// Lambda runtime API for custom runtimes").
type runtime struct {
	base      string
	transport *http.Transport
	handle    func(context.Context, []byte) ([]byte, error)
}

// serve runs handle until the API fails or ctx ends, and returns why.
func serve(ctx context.Context, getenv func(string) string, handle func(context.Context, []byte) ([]byte, error)) error {
	host := getenv("AWS_LAMBDA_RUNTIME_API")
	if host == "" {
		return errors.New("lambdasecrets: this is not Lambda, which sets AWS_LAMBDA_RUNTIME_API: to try a function, run coffer lambda invoke")
	}
	r := &runtime{base: "http://" + host + runtimePath, transport: &http.Transport{DisableCompression: true}, handle: handle}
	defer r.transport.CloseIdleConnections()
	workers, err := strconv.Atoi(getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	if err != nil {
		workers = 1
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := r.one(ctx); err != nil {
					end(fmt.Errorf("lambdasecrets: %w", err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// one takes one invocation to its end.
func (r *runtime) one(ctx context.Context) error {
	header, event, err := r.call(ctx, http.MethodGet, "next", nil, "")
	if err != nil {
		return err
	}
	millis, err := strconv.ParseInt(header.Get(deadlineHeader), 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", deadlineHeader, err)
	}
	limited, cancel := context.WithDeadline(ctx, time.UnixMilli(millis))
	defer cancel()
	answer, failure := r.handle(limited, event)
	kind, errorType := "/response", ""
	if failure != nil {
		kind, errorType = "/error", typeOf(failure)
		answer, err = json.Marshal(map[string]any{"errorType": errorType, "errorMessage": failure.Error()})
		if err != nil {
			return err // unreachable: strings can be marshalled
		}
	}
	_, _, err = r.call(ctx, http.MethodPost, header.Get(requestHeader)+kind, answer, errorType)
	return err
}

// typeOf is the name of an error's type, as aws-lambda-go reports it.
func typeOf(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// call calls the API. That it does not take an answer, which may be too late or too large,
// is Lambda's to tell the caller, and no error.
func (r *runtime) call(ctx context.Context, method, path string, body []byte, errorType string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if errorType != "" {
		req.Header.Set(typeHeader, errorType)
	}
	res, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxEvent))
	if err == nil && res.StatusCode >= 400 && (method == http.MethodGet || res.StatusCode >= 500) {
		err = fmt.Errorf("the Runtime API answers %s", res.Status)
	}
	return res.Header, answer, err
}
