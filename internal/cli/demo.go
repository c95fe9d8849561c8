// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a secret get from the store into a running function",
		Long: `Start a server on a temporary directory, store a secret and a parameter, run a small
function with Coffer's extension in a local Lambda host, change the secret, see the
new value arrive, see another secret refused, and read and verify the audit log.

The function and the extension are built from this module's source, unless
--function and --extension name programs that are built already.`,
		Example: "  coffer demo\n  go run ./cmd/coffer demo",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.Function, "function", "", "the function's program (default: built from source)")
	cmd.Flags().StringVar(&o.Extension, "extension", "", "the extension's program (default: built from source)")
	cmd.Flags().StringVar(&o.Data, "data", "", "keep the data directory here (default: a temporary one)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return demo.Run(cmd.Context(), cmd.OutOrStdout(), o)
	}
	return cmd
}
