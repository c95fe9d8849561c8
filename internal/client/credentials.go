// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Provider gives credentials to sign with. It is safe for concurrent use.
type Provider interface {
	// Retrieve returns credentials that are valid for now.
	Retrieve(ctx context.Context) (sigv4.Credentials, error)
	// Forget drops what is held, and reports whether the next Retrieve may return
	// something else for it.
	Forget() bool
}

// ErrNoCredentials is what calls fail with when the environment has none.
var ErrNoCredentials = errors.New("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY " +
	"(or, where AWS sets these itself, COFFER_ACCESS_KEY_ID and COFFER_SECRET_ACCESS_KEY), " +
	"or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, " +
	"or AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")

// FromEnvironment returns the provider that the environment names, the first of
//
//   - static credentials of a Coffer server, in variables that Lambda does not reserve;
//   - a login at a Coffer server, by what of the following there is for AWS (COFFER_LOGIN);
//   - static credentials of AWS;
//   - a web identity: a token in a file that a role is assumed with (EKS's IRSA);
//   - a container's endpoint (ECS, EKS Pod Identity, Lambda under SnapStart);
//   - the metadata of an EC2 instance, unless it is switched off. In Lambda there is none,
//     and to a server of Coffer's the instance is a stranger: there it is not asked.
//
// If there is none of them, calls fail with ErrNoCredentials. The error is of an endpoint
// that can't be called, or that credentials must not be taken from.
func FromEnvironment(getenv func(string) string, now func() time.Time) (Provider, error) {
	c, err := New(Config{Getenv: getenv, Now: now})
	if err != nil {
		return nil, err
	}
	return c.credentials, nil
}

// environment is FromEnvironment for a client of l, over which STS is asked.
func (l *line) environment(cfg Config) (Provider, error) {
	getenv := cfg.Getenv
	switch {
	case getenv("COFFER_ACCESS_KEY_ID") != "":
		return environment{getenv, "COFFER_"}, nil
	case getenv("COFFER_LOGIN") != "":
		return l.newLogin(cfg)
	case getenv("AWS_ACCESS_KEY_ID") != "" && getenv("AWS_SECRET_ACCESS_KEY") != "":
	case getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" && getenv("AWS_ROLE_ARN") != "":
		return newRenewed(webIdentity{l.with(Static(sigv4.Credentials{})), getenv}.ask, l.clock), nil
	case getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" || getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "":
		return newContainer(getenv, l.clock)
	case mayAskInstance(cfg):
		return newInstance(getenv, l.clock)
	}
	return environment{getenv, "AWS_"}, nil
}

// Static returns a Provider of credentials that don't change.
func Static(c sigv4.Credentials) Provider { return static{c} }

type static struct{ credentials sigv4.Credentials }

func (s static) Retrieve(context.Context) (sigv4.Credentials, error) { return s.credentials, nil }
func (s static) Forget() bool                                        { return false }

// environment reads the variables at each use, so that it holds nothing.
type environment struct {
	getenv func(string) string
	prefix string
}

func (e environment) Retrieve(context.Context) (sigv4.Credentials, error) {
	c := sigv4.Credentials{
		AccessKeyID:     e.getenv(e.prefix + "ACCESS_KEY_ID"),
		SecretAccessKey: secret.FromString(e.getenv(e.prefix + "SECRET_ACCESS_KEY")),
		SessionToken:    e.getenv(e.prefix + "SESSION_TOKEN"),
	}
	if c.AccessKeyID == "" || c.SecretAccessKey.Len() == 0 {
		return sigv4.Credentials{}, ErrNoCredentials
	}
	return c, nil
}

func (e environment) Forget() bool { return false }
