// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// unavailable is what a server that is down answers.
const unavailable = "ServiceUnavailableException"

// Outage makes the server answer every call with a status of 503, or ends that.
func (s *Server) Outage(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// FailNext makes the server refuse the next n calls with an error of AWS's, such as
// ThrottlingException or AccessDeniedException. Errors whose names begin with Internal
// have the status 500, with ServiceUnavailable 503, others 400. Clients try some of them
// again: the AWS SDKs and package coffer three times at most.
func (s *Server) FailNext(n int, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, slices.Repeat([]string{code}, n)...)
}

// Calls returns the calls so far of Secrets Manager, Parameter Store and KMS, in their
// order and by the operation, such as GetSecretValue. Those that Outage and FailNext made
// fail are among them, those of the Server's own methods are not.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// serve takes the calls that come over the network.
func (c *core) serve(w http.ResponseWriter, req *http.Request) {
	if code := c.note(req); code != "" {
		refuse(w, code)
		return
	}
	if offset := time.Duration(c.offset.Load()); offset != 0 {
		if err := c.redate(req, offset); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	c.server.Handler().ServeHTTP(w, req)
}

// note counts a call, and returns the error that it is to fail with, if any.
func (c *core) note(req *http.Request) (code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, operation, ok := strings.Cut(req.Header.Get("X-Amz-Target"), "."); ok {
		c.calls = append(c.calls, operation)
	}
	if len(c.faults) > 0 {
		code, c.faults = c.faults[0], c.faults[1:]
		return code
	}
	if c.down {
		return unavailable
	}
	return ""
}

func refuse(w http.ResponseWriter, code string) {
	status := http.StatusBadRequest
	switch {
	case strings.HasPrefix(code, "Internal"):
		status = http.StatusInternalServerError
	case strings.HasPrefix(code, "ServiceUnavailable"):
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "coffertest was told to answer this."})
}

// redate signs a request that was rightly signed by the real clock anew, by the server's.
// Any other stays as it is, for the server to refuse.
func (c *core) redate(req *http.Request, offset time.Duration) error {
	body, err := io.ReadAll(io.LimitReader(req.Body, gate.MaxBody+1))
	if err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	presented, err := sigv4.Parse(req)
	if err != nil || presented.Presigned {
		return nil
	}
	var known *gate.Credential
	if _, err := c.server.Store.View(req.Context(), func(r kv.Reader) (err error) {
		known, err = c.server.Directory.Credential(r, presented.AccessKeyID, presented.SessionToken())
		return err
	}); err != nil || known == nil {
		return err
	}
	if err := c.verifier.Verify(presented, body, sigv4.Terms{Secret: known.Secret, Now: time.Now()}); err != nil {
		return nil
	}
	return c.signer.Sign(req, body, sigv4.Signing{
		Credentials: sigv4.Credentials{
			AccessKeyID: presented.AccessKeyID, SecretAccessKey: known.Secret, SessionToken: presented.SessionToken(),
		},
		Region: presented.Region, Service: presented.Service, Time: presented.Time.Add(offset),
	})
}
