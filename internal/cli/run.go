// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/extension"
)

// runCommand reads its own command line, as coffer-extension exec does: it is the same.
func runCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "run [--only NAME,NAME...] -- COMMAND [ARG...]",
		Short:              "Run a command with secrets in its environment",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if status := extension.Exec(cmd.CommandPath(), args, cmd.OutOrStdout(), cmd.ErrOrStderr()); status != 0 {
				return exitStatus(status)
			}
			return nil
		},
	}
}
