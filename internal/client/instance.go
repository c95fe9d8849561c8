// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// The addresses of the instance metadata service (Amazon EC2 User Guide, "Access
	// instance metadata for an EC2 instance").
	instanceEndpoint   = "http://169.254.169.254"
	instanceEndpointV6 = "http://[fd00:ec2::254]"
	instanceTokenPath  = "/latest/api/token"
	instanceRolePath   = "/latest/meta-data/iam/security-credentials/"
	// instanceTimeout bounds all that is asked for one set of credentials. In a container
	// the answer never comes if the instance's hop limit is 1, which is its default.
	instanceTimeout = time.Second
	// instanceTokenLife is how long a session with the service is good for, in seconds. Each
	// set of credentials begins a new one.
	instanceTokenLife = "60"
	// maxRoleName bounds the name of an instance's role, in bytes: IAM's have 64.
	maxRoleName = 128
)

// mayAskInstance reports whether credentials may come from the metadata of an instance.
func mayAskInstance(cfg Config) bool {
	return !isTrue(cfg.Getenv("AWS_EC2_METADATA_DISABLED")) && first(cfg.Getenv, "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME") == "" &&
		cfg.Endpoint == "" && cfg.Getenv("COFFER_ENDPOINT") == ""
}

// instance issues the credentials of the role of the EC2 instance that this is, by version
// 2 of the metadata service: version 1, which a forged request could use, is never asked.
type instance struct {
	base      string
	now       func() time.Time
	transport *http.Transport

	reached bool      // this is an instance with a role
	absent  error     // it does not seem to be one
	until   time.Time // for so long it is taken for none
}

func newInstance(getenv func(string) string, now func() time.Time) (*renewed, error) {
	base := getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	switch {
	case base != "":
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL")
		}
		base = strings.TrimSuffix(base, "/")
	case strings.EqualFold(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "IPv6"):
		base = instanceEndpointV6
	default:
		base = instanceEndpoint
	}
	p := &instance{base: base, now: now, transport: besideTransport(instanceTimeout)}
	return newRenewed(p.ask, now), nil
}

// ask asks for credentials. On a host that is no instance there are none, and to find that
// out takes long, so it is remembered; an instance that does not answer any more is
// unavailable. Only one caller asks at a time.
func (p *instance) ask(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	now := p.now().Round(0)
	if left := p.until.Sub(now); left > 0 && left <= renewAgain {
		return sigv4.Credentials{}, time.Time{}, p.absent
	}
	limited, cancel := context.WithTimeout(ctx, instanceTimeout)
	defer cancel()
	body, err := p.credentials(limited)
	switch {
	case err == nil:
	case p.reached || ctx.Err() != nil:
		return sigv4.Credentials{}, time.Time{}, &TransportError{err}
	default:
		// Of the cause the text alone: nobody shall take it for a service that comes back.
		p.absent = fmt.Errorf("%w (nor from an EC2 instance's metadata: %s)", ErrNoCredentials, err.Error())
		p.until = now.Add(renewAgain)
		return sigv4.Credentials{}, time.Time{}, p.absent
	}
	defer clear(body)
	c, expires, err := parseCredentials(body)
	p.reached = p.reached || err == nil
	return c, expires, err
}

func (p *instance) credentials(ctx context.Context) ([]byte, error) {
	token, err := p.get(ctx, http.MethodPut, instanceTokenPath, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", instanceTokenLife)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(string(token), "\r\n") {
		return nil, errors.New("the token is not one line")
	}
	const header = "X-Aws-Ec2-Metadata-Token"
	roles, err := p.get(ctx, http.MethodGet, instanceRolePath, header, string(token))
	if err != nil {
		return nil, err
	}
	role, _, _ := strings.Cut(strings.TrimSpace(string(roles)), "\n")
	if role == "" || len(role) > maxRoleName {
		return nil, errors.New("the instance has no role")
	}
	return p.get(ctx, http.MethodGet, instanceRolePath+url.PathEscape(role), header, string(token))
}

func (p *instance) get(ctx context.Context, method, path, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(header, value)
	res, err := p.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", path, res.StatusCode)
	}
	return ReadAll(res, maxCredentials)
}
