// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/server"
)

func serverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server",
		Long: `Run a server on a data directory, until it is told to stop.

Settings come from flags, from environment variables (--audit-file is
COFFER_AUDIT_FILE) and from a configuration file, in this order.`,
		Example: `  coffer key create --root                     # once, before the first start
  coffer server --data /var/lib/coffer
  coffer server --config /etc/coffer.yaml --listen 0.0.0.0:8420 --tls-self-signed`,
		Args: cobra.NoArgs,
	}
	s := bindSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := s.load(cmd)
		if err != nil {
			return err
		}
		return runServer(cmd, config)
	}
	return cmd
}

// collectAt lets the heap grow to this share of what is live before it is collected, in
// percent. What lives is small (a few MiB of decoded records and buffers), so Go's own
// 100 collects hundreds of times a second under load, for a fifth of the processor time.
const collectAt = 400

// tuneMemory sets collectAt, unless the operator has said otherwise by GOGC.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// openServer opens a server that logs to standard error.
func openServer(cmd *cobra.Command, config server.Config) (*server.Server, error) {
	tuneMemory()
	log, err := newLog(cmd.ErrOrStderr(), config.LogLevel)
	if err != nil {
		return nil, err
	}
	s, err := server.Open(cmd.Context(), config, log)
	return s, advise(err)
}

func runServer(cmd *cobra.Command, config server.Config) (err error) {
	s, err := openServer(cmd, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := s.Listen()
	if err != nil {
		return err
	}
	if keys, err := s.KeyCount(cmd.Context()); err == nil && keys == 0 {
		s.Log.Warn("nobody can call yet: there is no access key; stop the server and run: coffer key create --root")
	}
	s.Log.Info("coffer serves", "address", l.Addr().String(), "data", s.Config.Data, "tls", s.Config.TLS())
	return s.Serve(cmd.Context(), l)
}

// newLog returns a log of plain lines.
func newLog(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, usageError{fmt.Errorf("log-level %q: debug, info, warn or error", level)}
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// advise adds to an error of a data directory what to do about it.
func advise(err error) error {
	for _, a := range []struct {
		is   error
		hint string
	}{
		{kv.ErrLocked, "A server or another command has the data directory open: stop it first."},
		{kv.ErrVersion, "Use the version of Coffer that wrote it, or a newer one."},
		{kv.ErrCorrupt, "Keep the file as it is, and restore the data directory from a backup."},
		{seal.ErrWrongRoot, "Give the root key file or the passphrase that the store was made with."},
	} {
		if errors.Is(err, a.is) {
			return withHint(err, a.hint)
		}
	}
	return err
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "coffer", server.Version) },
	}
}
