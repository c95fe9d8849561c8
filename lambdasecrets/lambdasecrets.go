// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package lambdasecrets gives a Lambda function its secrets: fetched before each
// invocation's handler runs, and handed to it.
//
//	type Config struct {
//		Password string `coffer:"prod/db,field=password"`
//		Key      string `coffer:"/prod/key,parameter"`
//	}
//
//	func handle(ctx context.Context, event events.SQSEvent, config Config) (Answer, error)
//
//	func main() { lambda.Start(lambdasecrets.Wrap(handle)) }
//
// What a Config is filled from is what coffer.Load makes of its tags. Every invocation
// asks, and nearly every answer comes from what is kept, in the extension or in this
// process: values are as fresh as coffer says, and no code holds on to one. If they can't
// be had, the handler does not run and the error is the invocation's.
//
// If the handler's error is coffer.AuthFailed, the values are fetched anew, and the handler
// runs once more if they are others than before: after a rotation, say.
//
// The package knows nothing of aws-lambda-go: what it returns are functions, and Handlers,
// of the kinds that lambda.Start takes. A function that has no other use for that module
// begins with Start.
package lambdasecrets

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer"
)

// Option says how values are had.
type Option func(*config)

type config struct {
	client  *coffer.Client
	options []coffer.Option
	now     func() time.Time
}

// From means another client than the default one.
func From(c *coffer.Client) Option { return func(cfg *config) { cfg.client = c } }

// Load adds options of coffer's, such as coffer.MaxAge.
func Load(options ...coffer.Option) Option {
	return func(cfg *config) { cfg.options = append(cfg.options, options...) }
}

// Wrap returns a handler that loads a T and hands it to the one given.
func Wrap[T, In, Out any](handler func(context.Context, In, T) (Out, error), options ...Option) func(context.Context, In) (Out, error) {
	l := newLoader[T](options)
	return func(ctx context.Context, in In) (out Out, err error) {
		err = l.run(ctx, func(secrets T) error {
			out, err = handler(ctx, in, secrets)
			return err
		})
		return out, err
	}
}

// WrapEvent is Wrap for a handler that has no answer.
func WrapEvent[T, In any](handler func(context.Context, In, T) error, options ...Option) func(context.Context, In) error {
	l := newLoader[T](options)
	return func(ctx context.Context, in In) error {
		return l.run(ctx, func(secrets T) error { return handler(ctx, in, secrets) })
	}
}

// Handler is aws-lambda-go's lambda.Handler.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// InContext returns a Handler that loads a T and runs the one given in a context that has
// it, for Value. With lambda.NewHandler it serves handlers of any signature:
//
//	lambda.Start(lambdasecrets.InContext[Config](lambda.NewHandler(handle)))
func InContext[T any](handler Handler, options ...Option) Handler {
	return inContext[T]{newLoader[T](options), handler}
}

type inContext[T any] struct {
	loader  *loader[T]
	handler Handler
}

// Invoke implements Handler.
func (h inContext[T]) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	err = h.loader.run(ctx, func(secrets T) error {
		answer, err = h.handler.Invoke(context.WithValue(ctx, key[T]{}, secrets), payload)
		return err
	})
	return answer, err
}

type key[T any] struct{}

// Value returns the T that InContext has put into the context. It is the zero T, and false,
// in any other context.
func Value[T any](ctx context.Context) (T, bool) {
	secrets, ok := ctx.Value(key[T]{}).(T)
	return secrets, ok
}

// again is how often a failed authentication leads to a fetch.
const again = 10 * time.Second

// loader loads Ts.
type loader[T any] struct {
	config
	fetched atomic.Int64 // when an authentication last failed, Unix time in nanoseconds
}

func newLoader[T any](options []Option) *loader[T] {
	l := &loader[T]{config: config{now: time.Now}}
	for _, o := range options {
		o(&l.config)
	}
	return l
}

func (l *loader[T]) load(ctx context.Context, more ...coffer.Option) (secrets T, err error) {
	from := l.client
	if from == nil {
		from = coffer.Default()
	}
	err = from.Load(ctx, &secrets, append(l.options[:len(l.options):len(l.options)], more...)...)
	if err != nil {
		err = fmt.Errorf("lambdasecrets: %w", err)
	}
	return secrets, err
}

// run runs fn, and once more if that may help.
func (l *loader[T]) run(ctx context.Context, fn func(T) error) error {
	first, err := l.load(ctx)
	if err != nil {
		return err
	}
	if err = fn(first); !errors.Is(err, coffer.ErrAuthentication) || !l.due() {
		return err
	}
	second, failed := l.load(ctx, coffer.ForceFetch())
	if failed != nil || reflect.DeepEqual(first, second) {
		return err
	}
	return fn(second)
}

// due reports whether the source may be asked now, and counts on it that it is.
func (l *loader[T]) due() bool {
	now, last := l.now().UnixNano(), l.fetched.Load()
	return (now < last || now-last >= int64(again)) && l.fetched.CompareAndSwap(last, now)
}
