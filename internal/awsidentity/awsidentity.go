// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package awsidentity finds out who somebody is in AWS, without a secret that we share.
//
// Who wants to prove it signs a request of GetCallerIdentity with the credentials that
// AWS gives to its workload, and hands it to us instead of sending it. We send it to AWS
// STS, which verifies the signature and answers whose it is. We learn the name and
// nothing that could be used for anything else; AWS's keys stay where they are. Vault's AWS
// authentication works likewise.
//
// The request is sent to the endpoint of the configuration alone, whatever it says of
// itself: only the headers of a list travel, the body is ours, and the answer is read
// strictly, as what GetCallerIdentity answers and nothing else. A signed header has the
// name of this server, so that what was signed for another one is of no use here, nor
// what was signed here elsewhere.
package awsidentity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// ServerIDHeader has the name of the server that a request is meant for. It is signed.
const ServerIDHeader = "X-Coffer-Server-ID"

// Body is what is sent, and so what has to be signed.
const Body = "Action=GetCallerIdentity&Version=2011-06-15"

const (
	// DefaultEndpoint is the global endpoint of AWS STS, which knows everybody of the
	// partition aws.
	DefaultEndpoint = "https://sts.amazonaws.com/"
	// Window is how old a request may be, and how far ahead of our clock: shorter than
	// AWS's 15 minutes, for as long as it is good whoever gets hold of it can repeat it.
	Window = 5 * time.Minute
	// timeout bounds the answer of STS.
	timeout = 5 * time.Second
	// maxUnderWay is how many requests may wait for STS at once: anybody can make us ask.
	maxUnderWay = 32
	// maxHeaders and maxHeader bound what is sent on, in number and in bytes. A session
	// token of AWS's has up to 4 KiB.
	maxHeaders = 20
	maxHeader  = 8 << 10
)

// Config says whom to ask and who we are.
type Config struct {
	// Endpoint is the URL of STS. Empty means DefaultEndpoint.
	Endpoint string
	// ServerID is this server's name. It is required.
	ServerID string
	// Transport sends requests. Nil means one that trusts the system's authorities.
	Transport http.RoundTripper
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Verifier finds out who signed a request. It is for concurrent use.
type Verifier struct {
	endpoint  *url.URL
	serverID  string
	transport http.RoundTripper
	now       func() time.Time
	under     chan struct{}
}

// New returns a Verifier.
func New(c Config) (*Verifier, error) {
	if c.Endpoint == "" {
		c.Endpoint = DefaultEndpoint
	}
	endpoint, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || endpoint.Host == "" || endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" || strings.Trim(endpoint.Path, "/") != "":
		return nil, errors.New("the endpoint of STS is a URL without a path, such as " + DefaultEndpoint)
	case endpoint.Scheme != "https" && (endpoint.Scheme != "http" || !isLoopback(endpoint.Hostname())):
		return nil, errors.New("the endpoint of STS is not HTTPS")
	case c.ServerID == "":
		return nil, errors.New("the server needs a name of its own")
	}
	endpoint.Path = "/"
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true,
			DisableKeepAlives:      true,
		}
	}
	return &Verifier{endpoint: endpoint, serverID: c.ServerID, transport: c.Transport, now: c.Now, under: make(chan struct{}, maxUnderWay)}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Request is a signed request as somebody hands it over.
type Request struct {
	Method, URL, Body string
	// Headers are its headers, each once. Host need not be among them: it is the URL's.
	Headers map[string]string
}

// Kind is what kind of fault a request has.
type Kind uint8

// The kinds of faults.
const (
	// Malformed is a request that is not what a proof has to be. The message says why.
	Malformed Kind = iota + 1
	// Refused is a request that STS did not take for authentic.
	Refused
	// Unreachable is an STS that gives no answer.
	Unreachable
	// Busy is too many requests at once.
	Busy
)

// Error says why a request proves nothing. It holds no part of a signature.
type Error struct {
	Kind    Kind
	Message string
	cause   error
}

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

func malformed(format string, args ...any) error {
	return &Error{Kind: Malformed, Message: fmt.Sprintf(format, args...)}
}

// allowed are the headers that travel to STS: those which a signature of AWS's needs or
// which AWS's SDKs add to it.
var allowed = []string{
	"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent",
	"X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token", http.CanonicalHeaderKey(ServerIDHeader),
}

// Verify asks STS who signed the request. The error is an *Error, unless ctx has ended.
func (v *Verifier) Verify(ctx context.Context, r Request) (*Identity, error) {
	req, err := v.build(r)
	if err != nil {
		return nil, err
	}
	select {
	case v.under <- struct{}{}:
		defer func() { <-v.under }()
	default:
		return nil, &Error{Kind: Busy, Message: "too many logins at once"}
	}
	return v.ask(ctx, req)
}

// build makes the request that is sent to STS, of what may be sent of the one handed over.
func (v *Verifier) build(r Request) (*http.Request, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != v.endpoint.Scheme || u.Host != v.endpoint.Host || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return nil, malformed("the request is to be signed for %s", v.endpoint)
	}
	if r.Method != http.MethodPost || r.Body != Body {
		return nil, malformed("the request is to be a POST of %q", Body)
	}
	req, err := http.NewRequest(http.MethodPost, v.endpoint.String(), strings.NewReader(Body))
	if err != nil {
		return nil, err
	}
	if len(r.Headers) > maxHeaders {
		return nil, malformed("the request has more than %d headers", maxHeaders)
	}
	for name, value := range r.Headers {
		key := http.CanonicalHeaderKey(name)
		switch {
		case !slices.Contains(allowed, key):
			return nil, malformed("the request has a header that is not sent on: it may have %s", strings.Join(allowed, ", "))
		case len(value) > maxHeader || strings.ContainsAny(value, "\r\n\x00"):
			return nil, malformed("the header %s has a value that is not sent on", key)
		case req.Header[key] != nil:
			return nil, malformed("the header %s is there twice", key)
		case key == "Host" && value != v.endpoint.Host:
			return nil, malformed("the request is to be signed for %s", v.endpoint)
		}
		req.Header[key] = []string{value}
	}
	return req, v.check(req)
}

// check refuses what STS may take, and we don't.
func (v *Verifier) check(req *http.Request) error {
	if got := req.Header.Get(ServerIDHeader); got != v.serverID {
		return malformed("the header %s is to have this server's name: %q", ServerIDHeader, v.serverID)
	}
	signed, err := sigv4.Parse(req)
	if err != nil {
		return &Error{Kind: Malformed, Message: "the request is not signed with AWS Signature Version 4", cause: err}
	}
	names := strings.Split(signed.SignedHeaders, ";")
	switch {
	case signed.Presigned || signed.Service != "sts":
		return malformed("the request is to be signed for STS, in its headers")
	case !slices.Contains(names, strings.ToLower(ServerIDHeader)):
		return malformed("the header %s is to be signed", ServerIDHeader)
	case v.now().Sub(signed.Time).Abs() > Window:
		return malformed("the request was signed more than %s before or after now", Window)
	}
	// The transport sets these anew, to the same values if they were right.
	for _, key := range []string{"Host", "Content-Length"} {
		delete(req.Header, key)
	}
	return nil
}
