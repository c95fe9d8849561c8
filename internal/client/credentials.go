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
	"or AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")

// FromEnvironment returns the provider that the environment names: those of a Coffer
// server, which Lambda does not reserve the names of, before AWS's static credentials,
// and these before a container's endpoint. If it names none, calls fail with
// ErrNoCredentials. The error is of an endpoint that credentials must not be taken from.
func FromEnvironment(getenv func(string) string, now func() time.Time) (Provider, error) {
	if getenv("COFFER_ACCESS_KEY_ID") != "" {
		return environment{getenv, "COFFER_"}, nil
	}
	if getenv("AWS_ACCESS_KEY_ID") == "" || getenv("AWS_SECRET_ACCESS_KEY") == "" {
		full, relative := getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"), getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
		if full != "" || relative != "" {
			return newContainer(getenv, now)
		}
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
