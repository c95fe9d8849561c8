// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/bench"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// targets starts what is to be measured, each in a process of its own, or returns
// what the flags name. stop ends the processes.
func (f *benchFlags) targets(ctx context.Context, log io.Writer) (t bench.Target, floor *bench.Target, stop func(), err error) {
	if f.addr != "" {
		provider, err := client.FromEnvironment(os.Getenv, time.Now)
		if err != nil {
			return t, nil, nil, err
		}
		credentials, err := provider.Retrieve(ctx)
		region := os.Getenv("AWS_REGION")
		if region == "" {
			region = "us-east-1"
		}
		return bench.Target{Addr: f.addr, Credentials: credentials, Region: region}, nil, func() {}, err
	}
	server, err := startChild(ctx, log, "dev", "--listen", "127.0.0.1:0")
	if err != nil {
		return t, nil, nil, err
	}
	other, err := startChild(ctx, log, "bench", "floor")
	if err != nil {
		server.stop()
		return t, nil, nil, err
	}
	return server.Target, &other.Target, func() { server.stop(); other.stop() }, nil
}

// child is a process of this program that serves. stop ends it, and waits for its end.
type child struct {
	bench.Target
	pid  int
	stop func()
}

// startChild runs this program with other arguments, and reads the exports that it
// prints when it is ready.
func startChild(ctx context.Context, log io.Writer, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{pid: cmd.Process.Pid, stop: func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()                          // its status says nothing more
	}}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		switch name {
		case "AWS_ENDPOINT_URL":
			c.Addr = strings.TrimPrefix(value, "http://")
		case "AWS_ACCESS_KEY_ID":
			c.Credentials.AccessKeyID = value
		case "AWS_SECRET_ACCESS_KEY":
			c.Credentials.SecretAccessKey = secret.FromString(value)
		case "AWS_DEFAULT_REGION":
			c.Region = value
			return c, nil
		}
	}
	c.stop()
	return nil, fmt.Errorf("coffer %s ended before it was ready", strings.Join(args, " "))
}

// benchFloorCommand is the floor's process.
func benchFloorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "floor", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tuneMemory() // as the server does that it is compared with
			dir, err := os.MkdirTemp("", "coffer-floor-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			key := sigv4.Credentials{AccessKeyID: "AKIAFLOORFLOORFLOOR0", SecretAccessKey: secret.FromString("floor-secret-access-key")}
			fmt.Fprintf(cmd.OutOrStdout(), "AWS_ENDPOINT_URL=http://%s\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_DEFAULT_REGION=us-east-1\n",
				l.Addr(), key.AccessKeyID, key.SecretAccessKey.RevealString())
			return bench.ServeFloor(cmd.Context(), l, key.SecretAccessKey, dir)
		},
	}
}
