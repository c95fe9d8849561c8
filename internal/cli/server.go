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

The first start on a new data directory makes an access key of the account's root, and
prints it to standard output, this once, as shell exports. It makes none if there is an
access key already, such as one of the configuration file, and none with --no-first-key:
for where standard output is collected, as a container's and a service's is.

Settings come from flags, from environment variables (--audit-file is
COFFER_AUDIT_FILE) and from a configuration file, in this order.`,
		Example: `  coffer server --data /var/lib/coffer > root.env     # the first start
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
func openServer(cmd *cobra.Command, config server.Config, on server.Ground) (*server.Server, error) {
	tuneMemory()
	log, err := newLog(cmd.ErrOrStderr(), config.LogLevel)
	if err != nil {
		return nil, err
	}
	s, err := server.OpenOn(cmd.Context(), config, log, on)
	return s, advise(err)
}

func runServer(cmd *cobra.Command, config server.Config) (err error) {
	s, err := openServer(cmd, config, server.Ground{FirstKey: !config.NoFirstKey})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := printFirstKey(cmd.OutOrStdout(), s); err != nil {
		return err
	}
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

// printFirstKey prints the access key that a first start has made. Its id alone is logged.
func printFirstKey(w io.Writer, s *server.Server) error {
	key := s.FirstKey()
	if key == nil {
		return nil
	}
	_, err := fmt.Fprintln(w, "# The access key of the account's root, which may do everything. It is shown this once: keep it.")
	if err == nil {
		err = printKey(w, key, keyFlags{exports: true})
	}
	if err != nil {
		return withHint(fmt.Errorf("printing the root's first access key: %w", err), "Make another one: coffer key create --root")
	}
	s.Log.Info("this is the first start: the root has an access key, which is on standard output", "accessKeyId", key.ID)
	return nil
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
