// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// HandlerFunc is a Lambda function's handler: event in, response out, both JSON. Its
// context ends at the invocation's deadline, and when the process is asked to end.
type HandlerFunc func(ctx context.Context, event []byte) ([]byte, error)

// Serve returns a Program that is a runtime for handle, as the managed runtimes are:
// it takes part in a restore, and runs as many invocations at once as the environment
// allows. An error of handle is reported as the invocation's, and the runtime goes on.
func Serve(handle HandlerFunc) Program {
	return func(ctx context.Context, p *Proc) error {
		var watcher sync.WaitGroup
		defer watcher.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watcher.Go(func() {
			select {
			case <-p.Term:
				cancel()
			case <-ctx.Done():
			}
		})
		c := &runtimeClient{proc: p, handle: handle}
		err := c.run(ctx)
		if ctx.Err() != nil {
			return nil // told to end
		}
		return err
	}
}

// runtimeClient is the runtime's side of the Runtime API.
type runtimeClient struct {
	proc   *Proc
	handle HandlerFunc
}

func (c *runtimeClient) run(ctx context.Context) error {
	if InitializationType(c.proc.Env[envInitType]) == SnapStart {
		if _, err := c.call(ctx, http.MethodGet, pathNextRestore, nil, http.StatusOK); err != nil {
			return err
		}
	}
	workers, err := strconv.Atoi(c.proc.Env[envMaxConcurrency])
	if err != nil {
		workers = 1
	}
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for {
				if err := c.serveOne(ctx); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// serveOne takes one invocation to its end.
func (c *runtimeClient) serveOne(ctx context.Context) error {
	next, err := c.call(ctx, http.MethodGet, pathNextInvocation, nil, http.StatusOK)
	if err != nil {
		return err
	}
	millis, err := strconv.ParseInt(next.header.Get(headerDeadline), 10, 64)
	if err != nil {
		return fmt.Errorf("lambda runtime: %s: %w", headerDeadline, err)
	}
	left := time.UnixMilli(millis).Sub(c.proc.Clock.Now())
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()

	answer, failure := c.handle(limited, next.body)
	kind := "response"
	if failure != nil {
		kind, answer = "error", errorDocument("Error", failure.Error())
	}
	path := pathRuntime + "invocation/" + next.header.Get(headerRequestID) + "/" + kind
	posted, err := c.call(ctx, http.MethodPost, path, answer, http.StatusAccepted)
	if posted.status == http.StatusBadRequest || posted.status == http.StatusRequestEntityTooLarge {
		return nil // too late, or too large: the host has told the caller
	}
	return err
}

// reply is what the host answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request and fails unless it is answered with status want.
func (c *runtimeClient) call(ctx context.Context, method, path string, body []byte, want int) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.proc.url(path), bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("lambda runtime: %w", err)
	}
	res, err := c.proc.Client.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("lambda runtime: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, MaxPayload+1))
	if err != nil {
		return reply{}, fmt.Errorf("lambda runtime: reading the answer: %w", err)
	}
	r := reply{res.StatusCode, res.Header, answer}
	if r.status != want {
		return r, fmt.Errorf("lambda runtime: %s %s: status %d", method, path, r.status)
	}
	return r, nil
}
