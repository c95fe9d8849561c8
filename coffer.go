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
	"iter"
	"sync/atomic"
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

// GetBytes returns a secret's value as bytes, which belong to the caller.
func GetBytes(ctx context.Context, id string, options ...Option) ([]byte, error) {
	return Default().GetBytes(ctx, id, options...)
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

// ParameterJSON returns a parameter whose value is JSON.
func ParameterJSON[T any](ctx context.Context, name string, options ...Option) (T, error) {
	var into T
	err := Default().ParameterJSON(ctx, name, &into, options...)
	return into, err
}

// Parameters returns the values of several parameters by their names. If some can't be
// had, the others are there all the same, and the error is an Errors.
func Parameters(ctx context.Context, names []string, options ...Option) (map[string]string, error) {
	return Default().Parameters(ctx, names, options...)
}

// ParametersByPath returns the parameters below a path, at all levels unless OneLevel says
// otherwise, by what is left of their names. All of them are kept as one thing. They are
// asked for from the service itself, by GetParametersByPath: extensions have no such
// request. If some can't be transformed, the error is an Errors.
func ParametersByPath(ctx context.Context, path string, options ...Option) (map[string]string, error) {
	return Default().ParametersByPath(ctx, path, options...)
}

// SetSecret gives a secret a new version, which becomes AWSCURRENT, and makes the secret if
// there is none. It returns the version's id. What is kept of the secret is forgotten, here
// and in the extension; other processes notice when they next ask the source.
func SetSecret(ctx context.Context, id, value string, options ...SetOption) (versionID string, err error) {
	return Default().SetSecret(ctx, id, value, options...)
}

// SetParameter gives a parameter a new version, and makes it, as a SecureString, if there
// is none. It returns the version's number. Like SetSecret, it goes to the service itself.
func SetParameter(ctx context.Context, name, value string, options ...SetOption) (version string, err error) {
	return Default().SetParameter(ctx, name, value, options...)
}

// Load fills the fields of the struct that into points to from the secrets and parameters
// that their tags name, all of them or none:
//
//	type Config struct {
//		Password string            `coffer:"prod/db,field=password"`
//		Timeout  time.Duration     `coffer:"/prod/timeout,parameter"`
//		Key      []byte            `coffer:"prod/key,base64"`
//		Flags    map[string]string `coffer:"/prod/flags,path"`
//		Hint     string            `coffer:"prod/hint,optional"`
//	}
//
// A tag is the name or ARN, and after it, in any order: "parameter" or "path" for what is
// not a secret; "field=", "stage=", "version=", "json", "base64" and "auto" for what the
// options of those names say; "optional" for what may not exist, whose field stays as it
// is. Fields are strings, []byte, Secret, booleans, numbers, time.Duration (such as 5m),
// what implements encoding.TextUnmarshaler, []string of a parameter (split at commas), and,
// decoded from JSON, all other structs, slices and maps; or pointers to those. Structs
// without a tag are filled in turn. An error is an Errors, by the fields.
func Load(ctx context.Context, into any, options ...Option) error {
	return Default().Load(ctx, into, options...)
}

// Watch yields a T that Load filled, at once, and another each time that something in it
// changed, until ctx ends or the loop is left. It asks as often as MaxAge says, or else
// Config.TTL. An error is yielded with the T as it was before; Watch goes on.
//
//	for config, err := range coffer.Watch[Config](ctx) {
//		if err != nil {
//			log.Print(err)
//			continue
//		}
//		current.Store(&config)
//	}
func Watch[T any](ctx context.Context, options ...Option) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var into T
		for err := range Default().Watch(ctx, &into, options...) {
			if !yield(into, err) {
				return
			}
		}
	}
}

// With runs fn with a secret. If fn's error is or wraps ErrAuthentication, which
// AuthFailed sees to, the source is asked for the secret again, and fn runs once more if
// there is another version by now; failing that, with the version before. If there is no
// other version, fn's error is the answer.
func With(ctx context.Context, id string, fn func(Secret) error, options ...Option) error {
	return Default().With(ctx, id, fn, options...)
}
