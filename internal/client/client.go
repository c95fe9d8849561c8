// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package client calls AWS, or anything that speaks its protocol, such as a Coffer
// server. It has what stands between an operation and the network: the endpoint, the
// credentials, the signature, the retries, and the roots of trust.
//
// A call is tried three times at most, with a random wait between, within its
// context's deadline. What is tried again:
//
//   - an answer of 429 or 5xx, a throttle, an I/O error, a try that took too long;
//   - once, a signature that the server finds wrong or too old. It may have been made
//     before the process was frozen, or by a clock that is wrong: the connections are
//     dropped, and the difference to the server's clock is made up for;
//   - once, credentials that have expired, after forgetting them.
//
// Each try is signed anew. Redirects are not followed.
//
// A Client calls with the credentials of its surroundings, or as a role that it assumes
// with them.
package client

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// DefaultMaxConns is what the AWS extension has.
	DefaultMaxConns = 3
	// maxAnswer bounds an answer in bytes: 20 secrets of 64 KiB, each byte escaped
	// as \u00xx, are 8 MiB.
	maxAnswer = 8 << 20
)

// Config says whom to call and how. Its zero value takes all from the environment.
type Config struct {
	// Getenv reads the environment. Nil means os.Getenv.
	Getenv func(string) string
	// Endpoint is the URL to send all calls to. Empty means what the environment
	// says: COFFER_ENDPOINT, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, or AWS's
	// own for the region.
	Endpoint string
	// Region is the region to sign for. Empty means AWS_REGION or
	// AWS_DEFAULT_REGION, or us-east-1 if the endpoint is given.
	Region string
	// Credentials sign the calls. Nil means those that FromEnvironment finds.
	Credentials Provider
	// MaxConns bounds the connections to one host. Zero means DefaultMaxConns.
	MaxConns int
	// UserAgent is what calls say that they come from.
	UserAgent string
	// Transport sends requests. Nil means one that trusts what AWS's certificates
	// stand on, or the authorities in the file COFFER_CA_FILE or AWS_CA_BUNDLE.
	Transport http.RoundTripper
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// Client calls operations. It is safe for concurrent use.
type Client struct {
	*line
	credentials Provider
	signer      atomic.Pointer[sigv4.Signer] // has keys derived from credentials
	roles       roles
}

// line is the way to AWS's services, which the clients of several roles share.
type line struct {
	endpoints endpoints
	wire      *Wire
	userAgent string
	clock     func() time.Time
	skew      atomic.Int64 // the server's clock minus ours, in nanoseconds
}

var _ awsjson.Caller = (*Client)(nil)

// New returns a Client. It reads configuration only: no network, no certificates.
func New(cfg Config) (*Client, error) {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ends, err := newEndpoints(cfg)
	if err != nil {
		return nil, err
	}
	l := &line{
		endpoints: ends, userAgent: cfg.UserAgent, clock: cfg.Now,
		wire: NewWire(cfg.Transport, cfg.MaxConns, caFile(cfg.Getenv), cfg.Now),
	}
	if cfg.Credentials == nil {
		if cfg.Credentials, err = l.environment(cfg); err != nil {
			return nil, err
		}
	}
	return l.with(cfg.Credentials), nil
}

// with returns a Client that calls over l.
func (l *line) with(p Provider) *Client {
	c := &Client{line: l, credentials: p}
	c.signer.Store(new(sigv4.Signer))
	return c
}

// Forget drops credentials, the keys derived from them, connections, and sessions of TLS: what must not
// outlive a snapshot.
func (c *Client) Forget() {
	c.roles.forget()
	c.credentials.Forget()
	c.signer.Store(new(sigv4.Signer))
	c.wire.Forget()
}

// Call implements awsjson.Caller. The body is JSON or a form, by the service's protocol.
func (c *Client) Call(ctx context.Context, service *api.Service, operation string, body []byte) ([]byte, error) {
	url, err := c.endpoints.of(service)
	if err != nil {
		return nil, err
	}
	call := &call{client: c, service: service, url: url, body: body}
	switch {
	case service.Path != "":
		call.url = strings.TrimSuffix(url, "/") + service.Path + operation
	case service.Protocol == api.JSON:
		call.target = service.TargetPrefix + "." + operation
	}
	answer, err := call.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s:%s: %w", service.Name, operation, err)
	}
	return answer, nil
}

// call is one call, over its tries.
type call struct {
	client  *Client
	service *api.Service
	target  string // of X-Amz-Target, or empty
	url     string
	body    []byte

	tries    Tries
	resigned bool // the second chance of a signature is used up
	renewed  bool // the second chance of credentials is used up
}

// try sends the request once. With a refusal comes the header of the answer.
func (l *call) try(ctx context.Context) (answer []byte, header http.Header, err error) {
	c := l.client
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("getting credentials: %w", err)
	}
	req, err := l.request(ctx)
	if err != nil {
		return nil, nil, err
	}
	if creds.AccessKeyID != "" {
		at := c.now().Add(time.Duration(c.skew.Load()))
		signing := sigv4.Signing{Credentials: creds, Region: c.endpoints.region, Service: l.service.Name, Time: at}
		if err := c.signer.Load().Sign(req, l.body, signing); err != nil {
			return nil, nil, err
		}
	}
	res, err := c.wire.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err = ReadAll(res, maxAnswer)
	if err != nil {
		return nil, nil, err
	}
	if res.StatusCode == http.StatusOK {
		return answer, nil, nil
	}
	if l.service.Protocol == api.Query {
		return nil, res.Header, awsquery.DecodeError(res.StatusCode, res.Header, answer)
	}
	return nil, res.Header, awsjson.DecodeError(res.StatusCode, res.Header, answer)
}

// request returns the request, unsigned.
func (l *call) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(l.body))
	if err != nil {
		return nil, err
	}
	content := "application/x-amz-json-1.1"
	if l.service.Protocol == api.Query {
		content = "application/x-www-form-urlencoded; charset=utf-8"
	}
	req.Header["Content-Type"] = []string{content}
	if l.target != "" {
		req.Header["X-Amz-Target"] = []string{l.target}
	}
	if agent := l.client.userAgent; agent != "" {
		req.Header["User-Agent"] = []string{agent}
	}
	return req, nil
}

func (l *line) now() time.Time { return l.clock().Round(0) }
