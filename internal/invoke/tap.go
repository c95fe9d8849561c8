// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tokenHeader = "X-Aws-Parameters-Secrets-Token"
	// forwardedPrefix and forwarded are headers that a reverse proxy takes away, and that
	// an extension is to see: it refuses them.
	forwarded       = "Forwarded"
	forwardedPrefix = "X-Forwarded-"
	// headerTimeout bounds how long a function may take to send a request's headers.
	headerTimeout = 10 * time.Second
)

// Answer is what the extension answered to one request of the function's.
type Answer struct {
	// Request is its method, path and query.
	Request string `json:"request"`
	// Status is the answer's, or 0 if there was none.
	Status int `json:"status"`
	// Cache, Age and ErrorCode are the headers X-Cache, Age (in seconds) and X-Error-Code.
	Cache     string `json:"cache,omitempty"`
	Age       string `json:"age,omitempty"`
	ErrorCode string `json:"errorCode,omitempty"`
	// Milliseconds is how long it took.
	Milliseconds float64 `json:"milliseconds"`
}

// tap passes requests on to the extension's port and notes the answers.
type tap struct {
	server *http.Server
	proxy  *httputil.ReverseProxy
	token  string // shown for a function that has none to show
	served chan struct{}

	mu      sync.Mutex
	answers []Answer
}

// newTap serves at the listener, which it closes. Where the function's credentials have no
// session token, what it shows the extension is empty; own is then shown for it. No browser
// sends such a header for a page without asking first.
func newTap(l net.Listener, port int, own string) *tap {
	t := &tap{token: own, served: make(chan struct{})}
	target := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	t.proxy = &httputil.ReverseProxy{
		// A connection for each request: one that was kept may be to an extension that has
		// crashed since.
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.RawQuery = "http", target, r.In.URL.RawQuery
			for name, values := range r.In.Header {
				if name == forwarded || strings.HasPrefix(name, forwardedPrefix) {
					r.Out.Header[name] = values
				}
			}
			if shown, ok := r.Out.Header[tokenHeader]; ok && shown[0] == "" && t.token != "" {
				r.Out.Header.Set(tokenHeader, t.token)
			}
		},
		// As where nobody listens: the connection ends without an answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: headerTimeout}
	go func() {
		defer close(t.served)
		_ = t.server.Serve(l)
	}()
	return t
}

// ServeHTTP implements http.Handler.
func (t *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	seen := &seen{ResponseWriter: w}
	defer func() {
		h := w.Header()
		t.note(Answer{
			Request: r.Method + " " + r.URL.RequestURI(), Status: seen.status, Cache: h.Get("X-Cache"), Age: h.Get("Age"),
			ErrorCode: h.Get("X-Error-Code"), Milliseconds: milliseconds(time.Since(began)),
		})
	}()
	t.proxy.ServeHTTP(seen, r)
}

// seen is a ResponseWriter that knows its status.
type seen struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the proxy find what the writer can do.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (t *tap) note(a Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = append(t.answers, a)
}

// take returns what was noted since the last call.
func (t *tap) take() []Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.answers
	t.answers = nil
	return all
}

func (t *tap) close() error {
	err := t.server.Close()
	<-t.served
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
