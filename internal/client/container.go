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
	// containerTimeout bounds one request.
	containerTimeout = 2 * time.Second
)

// containerHosts are the addresses beside loopback that credentials may come from over
// plain HTTP: those of ECS and of EKS.
var containerHosts = []netip.Addr{
	netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
}

// container gets credentials from an endpoint beside the process: that of ECS, of EKS Pod
// Identity, of Lambda under SnapStart, or of a user's own.
type container struct {
	url       string
	getenv    func(string) string
	transport *http.Transport
}

func newContainer(getenv func(string) string, now func() time.Time) (*renewed, error) {
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
	p := &container{url: target, getenv: getenv, transport: besideTransport(containerTimeout)}
	return newRenewed(p.ask, now), nil
}

// besideTransport is to an endpoint that gives credentials, without a proxy.
func besideTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func mayGiveCredentials(host string) bool {
	addr, err := netip.ParseAddr(host)
	return isLoopback(host) || err == nil && slices.Contains(containerHosts, addr)
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
