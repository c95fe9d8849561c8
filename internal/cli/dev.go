// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
)

// devFlags are the flags of coffer dev that are not settings of the server.
type devFlags struct {
	accessKeyID, secretAccessKey string
	quiet                        bool
}

func devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev [flags] [-- COMMAND [ARG...]]",
		Short: "Run a server for development, with credentials ready to use",
		Long: `Run a server for development on a temporary directory, or on the one that --data
names, with an access key of the account's root. Its environment variables are
printed; with a COMMAND they are set for it, and the server stops when it ends.`,
		Example: `  coffer dev
  coffer dev -- aws secretsmanager list-secrets
  coffer dev --data ./dev-data --listen 127.0.0.1:4566`,
	}
	s := bindSettings(cmd, "listen", "data", "account-id", "region", "tls-self-signed", "log-level", "throughput", "quotas", "max-secret-size", "oidc-networks", "oidc-ca-file")
	cmd.Flags().StringVar(&f.accessKeyID, "access-key-id", "", "fix the access key id")
	cmd.Flags().StringVar(&f.secretAccessKey, "secret-access-key", "", "fix the secret access key (only for a server that nobody else can reach)")
	cmd.Flags().BoolVar(&f.quiet, "quiet", false, "do not print the exports")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		config, err := s.load(cmd)
		if err != nil {
			return err
		}
		return runDev(cmd, config, f, args)
	}
	return cmd
}

func runDev(cmd *cobra.Command, config server.Config, f devFlags, command []string) (err error) {
	if (f.accessKeyID == "") != (f.secretAccessKey == "") {
		return usageError{errors.New("--access-key-id and --secret-access-key belong together")}
	}
	if config.Data == "" {
		if config.Data, err = os.MkdirTemp("", "coffer-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(config.Data)) }()
	}
	if config.Listen == "" && len(command) > 0 {
		config.Listen = "127.0.0.1:0"
	}
	if config.LogLevel == "" {
		config.LogLevel = "warn"
	}
	if config.OIDCNetworks == "" {
		config.OIDCNetworks = "127.0.0.0/8,::1/128" // an issuer that is tried out on this machine
	}
	s, err := openServer(cmd, config, server.Ground{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	key, err := s.DevKey(cmd.Context(), f.accessKeyID, secret.FromString(f.secretAccessKey))
	if err != nil {
		return err
	}
	l, err := s.Listen()
	if err != nil {
		return err
	}
	variables := devEnvironment(s, l.Addr(), key.ID, key.Secret.RevealString())
	if len(command) > 0 {
		return serveDuring(cmd, s, l, variables, command)
	}
	if !f.quiet {
		for _, v := range variables {
			name, value, _ := strings.Cut(v, "=")
			fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", name, value)
		}
	}
	return s.Serve(cmd.Context(), l)
}

// devEnvironment are the variables that AWS's SDKs and tools read.
func devEnvironment(s *server.Server, addr net.Addr, id, secretKey string) []string {
	scheme := "http"
	variables := []string{}
	if s.Config.TLS() {
		scheme = "https"
		variables = append(variables, "AWS_CA_BUNDLE="+s.Config.SelfSignedFile())
	}
	return append(variables,
		"AWS_ENDPOINT_URL="+scheme+"://"+addr.String(),
		"AWS_ACCESS_KEY_ID="+id,
		"AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_REGION="+s.Config.Region,
		"AWS_DEFAULT_REGION="+s.Config.Region,
	)
}

// serveDuring serves while the command runs, and ends with its status.
func serveDuring(cmd *cobra.Command, s *server.Server, l net.Listener, variables, command []string) error {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	child.Env = append(withoutAWS(os.Environ()), variables...)
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	err := child.Run()
	if errors.Is(err, context.Canceled) && child.ProcessState != nil && child.ProcessState.Success() {
		err = nil // it was told to stop, and did
	}
	stop()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = exitStatus(exit.ExitCode())
	}
	return errors.Join(err, <-served)
}

// withoutAWS leaves out every variable of the caller's own AWS settings: credentials,
// profiles and endpoints that a program would otherwise prefer or mix in.
func withoutAWS(env []string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "AWS_") {
			kept = append(kept, v)
		}
	}
	return kept
}
