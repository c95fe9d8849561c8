// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// maxConns bounds the connections of one listener that are served at once; more wait
	// to be accepted. It is the most that the Secrets Manager Agent can be set to.
	maxConns = 1000
	// maxHeader bounds a request's line and headers, in bytes: a name of 2 KiB, each
	// byte encoded, and a session token, which AWS says may grow.
	maxHeader = 32 << 10
	// headerTimeout bounds the time from a request's first byte to the end of its
	// headers. There is no bound on how long a connection may be idle: it would end
	// in a freeze, and the function would use a connection that is just being closed.
	headerTimeout = 5 * time.Second
)

// Listen opens the port on 127.0.0.1. Zero means any.
func Listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d of 127.0.0.1 is taken, maybe by another extension for secrets: "+
			"remove that, or set PARAMETERS_SECRETS_EXTENSION_HTTP_PORT to another port: %w", port, err)
	}
	return l, err
}

// Server serves an Agent at its listeners.
type Server struct {
	http *http.Server
	done chan struct{}
	once sync.Once
	all  sync.WaitGroup
	err  error // of the listener that failed first
}

// Serve begins to serve, at more listeners too. Stop ends it, and closes the listeners.
func Serve(l net.Listener, handler http.Handler, log *slog.Logger, more ...net.Listener) *Server {
	s := &Server{
		http: &http.Server{
			Handler: handler, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ConnContext: withPeer,
		},
		done: make(chan struct{}),
	}
	for _, l := range append([]net.Listener{l}, more...) {
		s.all.Go(func() {
			err := s.http.Serve(limit(l, maxConns))
			s.once.Do(func() {
				if !errors.Is(err, http.ErrServerClosed) {
					s.err = fmt.Errorf("serving: %w", err)
				}
				close(s.done)
			})
		})
	}
	return s
}

// Done is closed when the server has stopped serving at one of its listeners, for whatever
// reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop refuses new connections, waits for requests under way until ctx ends, then cuts
// them off. The error is the one that the server failed with, if it did.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	s.all.Wait()
	return s.err
}

// limited is a listener with a bound on connections.
type limited struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &counted{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted is a connection that takes a place.
type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
