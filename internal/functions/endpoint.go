// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Endpoint is a function behind Lambda's Invoke API (Lambda API Reference, Invoke).
type Endpoint struct {
	// URL is where the API is, without its path: https://lambda.eu-west-1.amazonaws.com.
	// Without TLS it must be on this machine.
	URL string
	// Insecure allows an URL without TLS on another machine. Events name secrets and do not
	// hold their values, but whoever answers for the function can keep it from being run.
	Insecure bool
	// Sign signs invocations with AWS credentials of the environment: AWS_ACCESS_KEY_ID and
	// what belongs to it, or a container's endpoint.
	Sign bool
}

const (
	invokePath = "/2015-03-31/functions/"

	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleConnTimeout  = 90 * time.Second
	maxHeaderBytes   = 64 << 10
)

// remote runs a function by its endpoint. It does not try again: whoever invokes knows
// whether that is safe.
type remote struct {
	url         *url.URL
	timeout     time.Duration
	region      string
	credentials client.Provider // nil: calls are not signed
	signer      sigv4.Signer
	now         func() time.Time
	transport   *http.Transport
}

func newRemote(c *Config, f Function, name arn.ARN) (*remote, error) {
	base, err := f.Endpoint.parse()
	if err != nil {
		return nil, err
	}
	r := &remote{timeout: f.Timeout, region: name.Region, now: c.Now, transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost:    MaxConcurrent,
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}}
	if r.timeout == 0 {
		r.timeout = MaxTimeout
	}
	// The ARN's colons are encoded, as AWS's SDKs do.
	escaped := strings.ReplaceAll(url.PathEscape(f.ARN), ":", "%3A")
	r.url = base.JoinPath(invokePath, escaped, "invocations")
	if f.Endpoint.Sign {
		if r.credentials, err = client.FromEnvironment(withoutCoffer(c.Getenv), c.Now); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// withoutCoffer hides the variables that name a Coffer server's credentials: what is signed
// here goes to AWS.
func withoutCoffer(getenv func(string) string) func(string) string {
	return func(name string) string {
		if strings.HasPrefix(name, "COFFER_") {
			return ""
		}
		return getenv(name)
	}
}

func (e *Endpoint) parse() (*url.URL, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, errors.New("endpoint: not a URL") // the error would repeat it, with a password in it maybe
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("endpoint %s: want https://HOST", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("endpoint %s: has a user, a query or a fragment", u.Redacted())
	case u.Scheme == "http" && !e.Insecure && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("endpoint %s: without TLS it must be on this machine; say insecure if it is safe", u.Redacted())
	}
	return u, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (r *remote) invoke(ctx context.Context, payload []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, ErrTimedOut)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["X-Amz-Invocation-Type"] = []string{"RequestResponse"}
	if err := r.sign(ctx, req, payload); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	// The transport itself follows no redirects.
	res, err := r.transport.RoundTrip(req)
	if err != nil {
		return r.unreachable(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, lambdahost.MaxPayload+1))
	if err != nil {
		return r.unreachable(ctx, err)
	}
	return outcome(res, answer)
}

func (r *remote) sign(ctx context.Context, req *http.Request, payload []byte) error {
	if r.credentials == nil {
		return nil
	}
	credentials, err := r.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("getting credentials: %w", err)
	}
	return r.signer.Sign(req, payload, sigv4.Signing{
		Credentials: credentials, Region: r.region, Service: "lambda", Time: r.now(),
	})
}

// unreachable is the error of a call that did not get through, or was not answered in time.
func (r *remote) unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrTimedOut) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// outcome says what an answer means.
func outcome(res *http.Response, answer []byte) error {
	code, _, _ := strings.Cut(res.Header.Get("X-Amzn-Errortype"), ":")
	switch {
	case res.StatusCode == http.StatusNotFound && code == "ResourceNotFoundException":
		return ErrUnknown
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: status %d %s", ErrUnreachable, res.StatusCode, printable(code, maxErrorType, '.'))
	case len(answer) > lambdahost.MaxPayload:
		return &FunctionError{Type: lambdahost.TypeResponseTooLarge, Message: "the answer is larger than Lambda's largest"}
	case res.Header.Get("X-Amz-Function-Error") != "":
		return reported(answer)
	}
	return nil
}

func (r *remote) close() error {
	r.transport.CloseIdleConnections()
	return nil
}
