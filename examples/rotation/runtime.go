// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serve is a runtime of Lambda: it hands events to handle, one after the other, and returns
// only if the Runtime API at host fails. See "Using the Lambda runtime API for custom
// runtimes" in the AWS Lambda Developer Guide.
func serve(ctx context.Context, host string, handle func(context.Context, []byte) error) error {
	base := "http://" + host + "/2018-06-01/runtime/invocation/"
	for {
		header, event, err := call(ctx, http.MethodGet, base+"next", nil)
		if err != nil {
			return err
		}
		answer, kind := []byte("null"), "/response"
		if err := invoke(ctx, header.Get("Lambda-Runtime-Deadline-Ms"), event, handle); err != nil {
			if answer, err = document(err); err != nil {
				return err
			}
			kind = "/error"
		}
		if _, _, err := call(ctx, http.MethodPost, base+header.Get("Lambda-Runtime-Aws-Request-Id")+kind, answer); err != nil {
			return err
		}
	}
}

// invoke runs handle until the deadline, which is in milliseconds since 1970.
func invoke(ctx context.Context, deadline string, event []byte, handle func(context.Context, []byte) error) error {
	if ms, err := strconv.ParseInt(deadline, 10, 64); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(ms))
		defer cancel()
	}
	return handle(ctx, event)
}

// document is an error in the form of the Runtime API. It goes to Secrets Manager and to
// logs: what a step fails with has no secret in it.
func document(err error) ([]byte, error) {
	return json.Marshal(map[string]string{"errorType": "RotationError", "errorMessage": err.Error()})
}

func call(ctx context.Context, method, url string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("runtime API: status %d", res.StatusCode)
	}
	return res.Header, answer, err
}
