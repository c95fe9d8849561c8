// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/server"
)

func sealCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Change the keys that the store is encrypted under",
		Long: `Change the keys that the store is encrypted under. The server must not be running.

The root key, from a file or a passphrase, protects the keyring; the keyring's
newest key seals what is written; older ones are kept as long as something is
sealed under them.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(sealRotateCommand(), sealRewrapCommand())
	return cmd
}

func sealRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rotate",
		Short:   "Add a key to the keyring, and seal every record anew under it",
		Example: "  coffer seal rotate --data /var/lib/coffer",
		Args:    cobra.NoArgs,
	}
	s := bindSettings(cmd, storeSettings...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withVault(cmd, s, server.OpenExistingVault, func(v *server.Vault) error {
			if err := v.Rotate(cmd.Context(), byCommandLine); err != nil {
				return err
			}
			var last seal.Progress
			if err := v.Store.Reseal(cmd.Context(), func(p seal.Progress) { last = p }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d records sealed anew; the keyring has %d key(s)\n", last.Resealed, len(v.Store.Keys()))
			return nil
		})
	}
	return cmd
}

func sealRewrapCommand() *cobra.Command {
	var to server.Config
	cmd := &cobra.Command{
		Use:   "rewrap (--to-key-file FILE | --to-passphrase-file FILE)",
		Short: "Put the keyring under another root key",
		Long: `Put the keyring under another root key: a key file, which is made if it is not
there, or a passphrase. The old root no longer opens the store: change the
server's settings to match.`,
		Example: "  coffer seal rewrap --data /var/lib/coffer --to-passphrase-file /run/passphrase",
		Args:    cobra.NoArgs,
	}
	s := bindSettings(cmd, storeSettings...)
	cmd.Flags().StringVar(&to.RootKeyFile, "to-key-file", "", "file of the new root key")
	cmd.Flags().StringVar(&to.RootPassphraseFile, "to-passphrase-file", "", "file whose first line is the new passphrase")
	cmd.MarkFlagsOneRequired("to-key-file", "to-passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("to-key-file", "to-passphrase-file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withVault(cmd, s, server.OpenExistingVault, func(v *server.Vault) error {
			root, err := to.Root()
			if err != nil {
				return err
			}
			if err := v.Rewrap(cmd.Context(), root, byCommandLine); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the store now opens with %s\n", root)
			return nil
		})
	}
	return cmd
}
