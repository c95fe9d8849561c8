// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/coffer-secrets/coffer/internal/agent"
)

func TestASocketBesideThePort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	socket, err := agent.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	port, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	w := newWhole(t)
	s := agent.Serve(port, w, slog.New(slog.DiscardHandler), socket)
	dial := func(network, address string) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}}
	}
	for name, c := range map[string]struct {
		client      *http.Client
		host, shown string
		status      int
	}{
		"over the port":                      {dial("tcp", port.Addr().String()), "localhost", token, 200},
		"over the port, with another host":   {dial("tcp", port.Addr().String()), "agent", token, 403},
		"over the socket, with any host":     {dial("unix", path), "agent", token, 200},
		"over the socket, without the token": {dial("unix", path), "agent", "", 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+c.host+sm+"?secretId=db", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Aws-Parameters-Secrets-Token", c.shown)
		res, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != c.status {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestASocketThatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	first, err := agent.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.ListenSocket(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a socket that is served: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	first.Close()
	if _, err := agent.ListenSocket(link); err == nil {
		t.Error("a symbolic link was followed")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("what the link leads to: %v", err)
	}
	second, err := agent.ListenSocket(path)
	if err != nil {
		t.Errorf("a socket that nobody serves: %v", err)
	} else {
		second.Close()
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, dir, filepath.Join(file, "s"), filepath.Join(dir, "none", "s")} {
		if _, err := agent.ListenSocket(bad); err == nil {
			t.Errorf("%s was opened", bad)
		}
	}
	if b, err := os.ReadFile(file); string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
