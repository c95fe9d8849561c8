// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// socketMode lets the user whom the program runs as connect, and root.
const socketMode = 0o600

// ListenSocket opens a unix socket that only this user can connect to. A socket that is
// there already and that nobody serves any more is replaced; anything else, a symbolic
// link too, is left as it is, and is an error. Closing the listener removes the socket.
func ListenSocket(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("COFFER_SOCKET: %w", err)
	}
	// The mode of a socket is set before it has a name: nobody connects in between.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = setMode(fd, socketMode) })
		return errors.Join(err, failed)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("COFFER_SOCKET: %w", err)
	}
	// Only Linux has that.
	if err := os.Chmod(path, socketMode); err != nil {
		l.Close()
		return nil, fmt.Errorf("COFFER_SOCKET: %w", err)
	}
	return l, nil
}

// removeStale removes a socket that nobody serves.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there, and is no socket", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s is another program's: %w", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// peerKey is where a connection's context has the user at its other end.
type peerKey struct{}

// withPeer notes who is at the other end of a unix socket.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*counted); ok {
		conn = c.Conn
	}
	if c, ok := conn.(*net.UnixConn); ok {
		return context.WithValue(ctx, peerKey{}, userOf(c))
	}
	return ctx
}

// noUser is the user of who can't be told.
const noUser = -1

// peer returns the user that a request comes from, and whether it came over a unix socket.
func peer(ctx context.Context) (user int, onSocket bool) {
	user, onSocket = ctx.Value(peerKey{}).(int)
	if !onSocket {
		user = noUser
	}
	return user, onSocket
}
