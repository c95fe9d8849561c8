// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// ecsEndpoint is where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to
	// (AWS SDKs and Tools Reference Guide, "Container credential provider").
	ecsEndpoint = "http://169.254.170.2"
	// maxCredentials bounds the endpoint's answer, and a token, in bytes.
	maxCredentials = 64 << 10
	// renewAhead is how long before their expiry credentials are renewed.
	renewAhead = 5 * time.Minute
	// renewAgain is how long credentials that are good for a while yet are left alone after
	// an attempt to renew them, so that not every call waits for an endpoint that hangs.
	renewAgain = 15 * time.Second
	// unknownLife is how long credentials are used that don't tell their expiry.
	unknownLife = 5 * time.Minute
	// containerTimeout bounds one request.
	containerTimeout = 2 * time.Second
)

// containerHosts are the addresses beside loopback that credentials may come from over
// plain HTTP: those of ECS and of EKS.
var containerHosts = []netip.Addr{
	netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
}

// container gets credentials from an endpoint beside the process, and renews them ahead
// of their expiry.
type container struct {
	url       string
	getenv    func(string) string
	now       func() time.Time
	transport *http.Transport

	turn    chan struct{} // held by the one who asks the endpoint
	mu      sync.Mutex    // guards what follows
	held    sigv4.Credentials
	renew   time.Time // when to ask again
	expires time.Time // zero if unknown
}

func newContainer(getenv func(string) string, now func() time.Time) (*container, error) {
	target := getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		if !strings.HasPrefix(relative, "/") {
			return nil, errors.New("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash")
		}
		target = ecsEndpoint + relative
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !mayGiveCredentials(u.Hostname())) {
		return nil, fmt.Errorf("credentials must not come from %s over %s: only loopback, ECS and EKS addresses", u.Hostname(), u.Scheme)
	}
	return &container{
		url: target, getenv: getenv, now: now, turn: make(chan struct{}, 1),
		transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: containerTimeout}).DialContext,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}, nil
}

func mayGiveCredentials(host string) bool {
	addr, err := netip.ParseAddr(host)
	return isLoopback(host) || err == nil && slices.Contains(containerHosts, addr)
}

// Retrieve implements Provider.
func (p *container) Retrieve(ctx context.Context) (sigv4.Credentials, error) {
	if c, fresh, _ := p.look(); fresh {
		return c, nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return sigv4.Credentials{}, &TransportError{context.Cause(ctx)}
	}
	old, fresh, usable := p.look()
	if fresh {
		return old, nil
	}
	c, expires, err := p.ask(ctx)
	if err != nil {
		if usable && Unavailable(err) {
			p.postpone()
			return old, nil
		}
		return sigv4.Credentials{}, err
	}
	p.keep(c, expires)
	return c, nil
}

// look returns what is held, whether it need not be renewed, and whether it may be used.
func (p *container) look() (c sigv4.Credentials, fresh, usable bool) {
	now := p.now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held.AccessKeyID == "" {
		return p.held, false, false
	}
	usable = p.expires.IsZero() || now.Before(p.expires)
	return p.held, usable && now.Before(p.renew), usable
}

func (p *container) keep(c sigv4.Credentials, expires time.Time) {
	now := p.now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.expires, p.renew = c, expires, now.Add(unknownLife)
	if !expires.IsZero() {
		p.renew = expires.Add(-renewAhead)
	}
	if again := now.Add(renewAgain); p.renew.Before(again) {
		p.renew = again
	}
}

// postpone leaves the endpoint alone for a while. Credentials that expire meanwhile are
// renewed all the same.
func (p *container) postpone() {
	again := p.now().Round(0).Add(renewAgain)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew = again
}

// Forget implements Provider.
func (p *container) Forget() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.expires, p.renew = sigv4.Credentials{}, time.Time{}, time.Time{}
	return true
}

// ask asks the endpoint.
func (p *container) ask(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	none := sigv4.Credentials{}
	ctx, cancel := context.WithTimeout(ctx, containerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return none, time.Time{}, err
	}
	token, err := p.token()
	if err != nil {
		return none, time.Time{}, err
	}
	if token != "" {
		req.Header["Authorization"] = []string{token}
	}
	res, err := p.transport.RoundTrip(req)
	if err != nil {
		return none, time.Time{}, &TransportError{err}
	}
	defer res.Body.Close()
	body, err := ReadAll(res, maxCredentials)
	switch {
	case err != nil:
		return none, time.Time{}, err
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return none, time.Time{}, &TransportError{fmt.Errorf("the credentials endpoint answers %d", res.StatusCode)}
	case res.StatusCode != http.StatusOK:
		return none, time.Time{}, fmt.Errorf("the credentials endpoint answers %d", res.StatusCode)
	}
	defer clear(body)
	return parseCredentials(body)
}

// token is what the endpoint is asked with. A file is read anew each time: EKS changes it.
func (p *container) token() (string, error) {
	token := p.getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := p.getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("reading the authorization token: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	if len(token) > maxCredentials || strings.ContainsAny(token, "\r\n") {
		return "", errors.New("the authorization token is not one line")
	}
	return token, nil
}

func parseCredentials(body []byte) (sigv4.Credentials, time.Time, error) {
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey secret.Text
		Token           string
		Expiration      time.Time
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return sigv4.Credentials{}, time.Time{}, errors.New("the credentials endpoint's answer can't be read")
	}
	if answer.AccessKeyID == "" || answer.SecretAccessKey.Len() == 0 {
		return sigv4.Credentials{}, time.Time{}, errors.New("the credentials endpoint's answer has no credentials")
	}
	if answer.Expiration.Year() <= 1 { // Lambda's way of not telling
		answer.Expiration = time.Time{}
	}
	return sigv4.Credentials{
		AccessKeyID: answer.AccessKeyID, SecretAccessKey: answer.SecretAccessKey.Value, SessionToken: answer.Token,
	}, answer.Expiration, nil
}
