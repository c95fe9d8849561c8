// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const token = "dp.st.prd.only-a-test"

// fake is Doppler as a transport: one config, whatever its name.
type fake struct {
	slow time.Duration

	mu         sync.Mutex
	body, etag string
	status     int // zero is 200
	retryAfter string
	hangs      bool
	called     []string // GET, and the If-None-Match
	query      string
}

func newFake(body string) *fake { return &fake{body: body, etag: `"e1"`} }

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.called)
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	match := req.Header.Get("If-None-Match")
	f.called = append(f.called, req.Method+":"+match)
	f.query = req.URL.RawQuery
	if f.hangs {
		f.mu.Unlock()
		<-req.Context().Done()
		f.mu.Lock()
		return nil, req.Context().Err()
	}
	status, body, header := f.status, f.body, http.Header{"Etag": {f.etag}}
	switch {
	case req.Header.Get("Authorization") != "Bearer "+token || req.URL.Host != "api.doppler.com" || req.URL.Path != "/v3/configs/config/secrets/download":
		status, body = http.StatusUnauthorized, `{"messages":["Invalid Auth token"]}`
	case status == http.StatusTooManyRequests && f.retryAfter != "":
		header.Set("Retry-After", f.retryAfter)
	case status == 0 && match == f.etag:
		status, body = http.StatusNotModified, ""
	case status == 0:
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}, nil
}
