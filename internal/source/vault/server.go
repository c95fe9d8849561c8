// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
)

const (
	// prefix is what every path of the API begins with.
	prefix = "/v1/"
	// maxAnswer bounds an answer in bytes. Vault itself bounds what it takes to 32 MiB,
	// and its storage an entry to 1 MiB ("Vault limits and maximums").
	maxAnswer = 8 << 20
)

// Request is a request to the server, but for the token.
type Request struct {
	Method string
	// Path begins with /v1/. It is encoded if it must be, unless RawPath is set.
	Path string
	// RawPath is the encoded form of Path, where another than the usual one is meant.
	RawPath string
	// Query is the encoded query.
	Query string
	// Header is sent as it is, beside the token. Without one, the Source's namespace is
	// asked.
	Header http.Header
	Body   []byte
	// Once is a request that is not to be sent again when the server is overloaded or
	// does not answer.
	Once bool
}

// Answer is an answer of the server, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	// Body belongs to the receiver.
	Body []byte
}

// server sends requests to one server.
type server struct {
	base      *url.URL
	namespace string
	userAgent string
	wire      *client.Wire
}

func newServer(cfg Config, now func() time.Time) (*server, error) {
	u, err := url.Parse(strings.TrimRight(cfg.Address, "/"))
	switch {
	case err != nil: // the error would repeat it, with a password in it maybe
		return nil, errors.New("vault: the address is not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("vault: address %q: want http://host or https://host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("vault: address %q: has a user, a query or a fragment", u.Redacted())
	}
	return &server{
		base: u, namespace: strings.Trim(cfg.Namespace, "/"), userAgent: cfg.UserAgent,
		wire: client.NewWire(cfg.Transport, cfg.MaxConns, cfg.CAFile, now),
	}, nil
}

func (s *server) isLoopback() bool {
	addr, err := netip.ParseAddr(s.base.Hostname())
	return s.base.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// send sends a request until there is an answer that is not to be tried again, or no more
// hope. Vault says of 412, 429 and 5xx that the same request may pass later.
func (s *server) send(ctx context.Context, r Request, token string) (*Answer, error) {
	var tries client.Tries
	for {
		a, err := s.limited(ctx, &tries, r, token)
		if r.Once || ctx.Err() != nil || err == nil && !transient(a.Status) || err != nil && !client.Unavailable(err) {
			return a, err
		}
		var header http.Header
		if err == nil {
			header = a.Header
		} else {
			s.wire.Drop()
		}
		throttled := err == nil && a.Status == http.StatusTooManyRequests
		if !tries.Sleep(ctx, tries.Backoff(throttled, header)) {
			return a, err
		}
	}
}

func transient(status int) bool {
	return status == http.StatusPreconditionFailed || status == http.StatusTooManyRequests ||
		status >= 500 && status != http.StatusNotImplemented
}

func (s *server) limited(ctx context.Context, tries *client.Tries, r Request, token string) (*Answer, error) {
	if !r.Once {
		var cancel context.CancelFunc
		ctx, cancel = tries.Begin(ctx)
		defer cancel()
	}
	to := *s.base
	to.Path += r.Path
	to.RawQuery = r.Query
	if r.RawPath != "" {
		to.RawPath = s.base.EscapedPath() + r.RawPath
	}
	res, err := s.try(ctx, &to, r, token)
	if err != nil {
		return nil, err
	}
	next, err := s.redirect(&to, res)
	if err != nil {
		return nil, err
	}
	if next != nil { // a standby server's way to the active one
		if res, err = s.try(ctx, next, r, token); err != nil {
			return nil, err
		}
	}
	defer res.Body.Close()
	body, err := client.ReadAll(res, maxAnswer)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func (s *server) try(ctx context.Context, to *url.URL, r Request, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, to.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, errors.New("vault: the request can't be sent") // the error would repeat the URL
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	} else if s.namespace != "" {
		req.Header["X-Vault-Namespace"] = []string{s.namespace}
	}
	if s.userAgent != "" && req.Header["User-Agent"] == nil {
		req.Header["User-Agent"] = []string{s.userAgent}
	}
	// A header that a page or a link can't make a browser send.
	req.Header["X-Vault-Request"] = []string{"true"}
	if token != "" {
		req.Header["X-Vault-Token"] = []string{token}
	}
	return s.wire.RoundTrip(req)
}

// redirect returns where an answer leads to, or nil. The token must not go to another host,
// nor without encryption where it went with it.
func (s *server) redirect(from *url.URL, res *http.Response) (*url.URL, error) {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	res.Body.Close()
	to, err := from.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		return nil, errors.New("a redirect that leads nowhere")
	}
	if to.Scheme != from.Scheme || !strings.EqualFold(to.Hostname(), from.Hostname()) {
		return nil, fmt.Errorf("a redirect to %s://%s, which gets no token: give its address, or that of a load balancer", to.Scheme, to.Host)
	}
	return to, nil
}
