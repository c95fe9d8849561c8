// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// inProcess calls a handler of this process with signed requests. It belongs to one
// goroutine.
type inProcess struct {
	handler http.Handler
	region  string
	key     sigv4.Credentials
	signer  sigv4.Signer
}

var _ awsjson.Caller = (*inProcess)(nil)

// Call implements awsjson.Caller.
func (c *inProcess) Call(ctx context.Context, service *api.Service, operation string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	header(req, service.TargetPrefix+"."+operation)
	req.RemoteAddr = "127.0.0.1:1"
	if err := c.signer.Sign(req, body, sigv4.Signing{
		Credentials: c.key, Region: c.region, Service: service.Name, Time: time.Now(),
	}); err != nil {
		return nil, err
	}
	answer := answer{header: http.Header{}, status: http.StatusOK}
	c.handler.ServeHTTP(&answer, req)
	if answer.status != http.StatusOK {
		return nil, awsjson.DecodeError(answer.status, answer.header, answer.body.Bytes())
	}
	return answer.body.Bytes(), nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
