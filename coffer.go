// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package coffer reads secrets and parameters, from AWS Secrets Manager and Systems
// Manager Parameter Store, or from a Coffer server, which speaks the same protocol.
//
//	password, err := coffer.Get(ctx, "prod/db")
//
// In a Lambda function with Coffer's extension (or AWS's own), values come from the
// extension, which keeps them between invocations. Elsewhere they come from the service
// itself and are kept in this process: fetched once however many goroutines ask, fresh
// for five minutes, refreshed ahead of time while in use, and used for up to another hour
// if the service can't be reached. What the service refuses is never answered from what
// was kept.
//
// A secret that was rotated may be one that you still hold. With asks for another when
// the one it gave you does not work:
//
//	err := coffer.With(ctx, "prod/db", func(s coffer.Secret) error {
//		err := connect(s.Text())
//		if isWrongPassword(err) {
//			return coffer.AuthFailed(err)
//		}
//		return err
//	})
//
// Everything is configured by the environment, as the AWS SDKs and the AWS extension
// are: AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on, or by a Config.
package coffer

import (
	"context"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// standard is the Client of the package's functions.
var standard atomic.Pointer[Client]

// Default returns the Client of the package's functions. Unless SetDefault was called, it
// is a zero Client, which configures itself when it is first used.
func Default() *Client {
	if c := standard.Load(); c != nil {
		return c
	}
	standard.CompareAndSwap(nil, new(Client))
	return standard.Load()
}

// SetDefault makes c the Client of the package's functions, and returns the one before,
// which stays open. A program that needs a Config calls it first of all.
func SetDefault(c *Client) (before *Client) {
	before = Default()
	standard.Store(c)
	return before
}

// Get returns a secret's value. A binary secret's bytes are in the string as they are.
func Get(ctx context.Context, id string, options ...Option) (string, error) {
	return Default().Get(ctx, id, options...)
}

// GetJSON returns a secret whose value is JSON, as those of databases are.
func GetJSON[T any](ctx context.Context, id string, options ...Option) (T, error) {
	var into T
	err := Default().GetJSON(ctx, id, &into, options...)
	return into, err
}

// Parameter returns a parameter's value, decrypted if it is a SecureString.
func Parameter(ctx context.Context, name string, options ...Option) (string, error) {
	return Default().Parameter(ctx, name, options...)
}

// With runs fn with a secret. If fn's error is or wraps ErrAuthentication, which
// AuthFailed sees to, the source is asked for the secret again, and fn runs once more if
// there is another version by now; failing that, with the version before. If there is no
// other version, fn's error is the answer.
func With(ctx context.Context, id string, fn func(Secret) error, options ...Option) error {
	return Default().With(ctx, id, fn, options...)
}

// Option says which version of a secret or parameter is meant, or how it is to be had.
type Option func(*query)

// query is what a call asks for.
type query struct {
	ref   cache.Ref
	fresh bool
}

func newQuery(ref cache.Ref, options []Option) query {
	q := query{ref: ref}
	for _, o := range options {
		o(&q)
	}
	return q
}

// Version means the version with this id, or of a parameter that with this number.
func Version(id string) Option { return func(q *query) { q.ref.VersionID = id } }

// Stage means the version with this staging label, or of a parameter with this label.
// Without Version and Stage, it is AWSCURRENT, and of a parameter the latest version.
func Stage(label string) Option { return func(q *query) { q.ref.Stage = label } }

// Fresh asks the source, whatever is kept.
func Fresh() Option { return func(q *query) { q.fresh = true } }
