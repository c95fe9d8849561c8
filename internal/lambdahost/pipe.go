// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"net"
	"sync"
)

// dialer is a listener that says how to reach it.
type dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Pipe is a listener within this process: its connections are net.Pipe's. With it as
// Config.Listener, a host of Programs runs in a bubble of testing/synctest, where the
// real network can't be used, and all its time limits pass at once. Programs reach it by
// their Proc's Client.
type Pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

var (
	_ net.Listener = (*Pipe)(nil)
	_ dialer       = (*Pipe)(nil)
)

// NewPipe returns a listener that nothing has connected to.
func NewPipe() *Pipe {
	return &Pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// DialContext connects to the listener, whatever the address. It waits for Accept.
func (p *Pipe) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It does not close connections.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "lambda.pipe:80" }
