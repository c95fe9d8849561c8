// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package demo does Coffer's main job where one can watch: a stored secret reaches a
// running function, a new value follows it, another secret stays out of its reach, and
// the audit log tells the story. Each step says what it saw, and fails if that is not
// what it should be.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/ui"
)

// Options adjust a demo. The zero value builds what it needs, and leaves nothing behind.
type Options struct {
	// Function and Extension are programs to run instead of building them.
	Function, Extension string
	// Data is the directory that the server keeps its data in. Empty means a
	// temporary one.
	Data string
}

// TTL is how long the extension takes a value for fresh in the demo: so long may a new
// value take to reach the function.
const TTL = time.Second

// timeout bounds the whole demo, the building of two programs included.
const timeout = 5 * time.Minute

type demo struct {
	out     io.Writer
	paint   ui.Paint
	options Options
	work    string // for what is built

	server *server.Server
	addr   string
	root   *client.Client
	role   lambdahost.Credentials
	host   *lambdahost.Host
	step   int
	first  fetched
}

// Run runs the demo, and prints each step's result to out. It returns an error, and
// stops, at the first step that did not hold.
func Run(ctx context.Context, out io.Writer, o Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d := &demo{out: out, paint: ui.For(out), options: o}
	if d.work, err = os.MkdirTemp("", "coffer-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.work)) }()
	if d.options.Data == "" {
		d.options.Data = d.work + "/data"
	}
	stop, err := d.startServer(ctx)
	if err != nil {
		return err
	}
	err = d.story(ctx)
	if d.host != nil {
		err = errors.Join(err, d.host.Shutdown(context.WithoutCancel(ctx)))
	}
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	return d.verify(ctx)
}

// story is what happens while the server runs.
func (d *demo) story(ctx context.Context) error {
	for _, s := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Store a secret and a parameter", d.store},
		{"Make a role that may read them, and nothing else", d.makeRole},
		{"Start the function with the extension", d.startFunction},
		{"Invoke: the function reads both through the extension", d.invoke},
		{"Invoke again: the extension answers from its cache", d.invokeCached},
		{"Put a new value, and see it arrive", d.change},
		{"Another secret is refused", d.refused},
	} {
		d.begin(s.title)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", d.step, s.title, err)
		}
	}
	return nil
}

func (d *demo) begin(title string) {
	d.step++
	fmt.Fprintf(d.out, "%s %s\n", d.paint.Bold(fmt.Sprintf("%d.", d.step)), d.paint.Bold(title))
}

// saw prints one result of a step.
func (d *demo) saw(format string, args ...any) {
	fmt.Fprintf(d.out, "   %s %s\n", d.paint.Green("ok"), fmt.Sprintf(format, args...))
}

// startServer starts the server, and returns what stops it.
func (d *demo) startServer(ctx context.Context) (stop func() error, err error) {
	d.begin("Start a server on the embedded store")
	log := slog.New(slog.NewTextHandler(d.out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if d.server, err = server.Open(ctx, server.Config{Data: d.options.Data, Listen: "127.0.0.1:0"}, log); err != nil {
		return nil, err
	}
	var l net.Listener
	if l, err = d.server.Listen(); err != nil {
		return nil, errors.Join(err, d.server.Close())
	}
	d.addr = l.Addr().String()
	serving, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(serving, l) }()
	d.saw("serving Secrets Manager, Parameter Store, KMS and STS at http://%s", d.addr)
	return func() error {
		cancel()
		return errors.Join(<-served, d.server.Close())
	}, nil
}
