// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	inner, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 1)
	defer l.Close()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.places) != cap(l.places) {
		t.Fatal("a connection took no place")
	}
	first.Close()
	first.Close() // gives its place back once
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a full listener that is closed: %v", err)
	}
}

func TestTheUserAtTheOtherEndIsKnown(t *testing.T) {
	t.Parallel()
	l, err := ListenSocket(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	bounded := limit(l, 1)
	defer bounded.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, err := bounded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	user, onSocket := peer(withPeer(t.Context(), conn))
	if !onSocket || runtime.GOOS == "linux" && user != os.Getuid() {
		t.Errorf("user %d, %t", user, onSocket)
	}
	if user, onSocket := peer(t.Context()); user != noUser || onSocket {
		t.Errorf("nowhere: user %d, %t", user, onSocket)
	}
}
