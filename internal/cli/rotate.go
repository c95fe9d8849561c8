// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// rotation is what coffer key rotate is told, and what it finds in its surroundings.
type rotation struct {
	fate    identity.Fate
	profile string
	form    keyFlags
	getenv  func(string) string // the profile's settings, and below them the environment's
	old     sigv4.Credentials   // as far as they are known
}

func keyRotateCommand() *cobra.Command {
	r := rotation{fate: identity.Kept}
	deactivate, remove := false, false
	cmd := &cobra.Command{
		Use:   "rotate [ACCESS-KEY-ID]",
		Short: "Make another access key in the place of one",
		Long: `Make another access key for the user or root that has this one, and show it this once.
The old one works on, so that programs can change over, unless --deactivate or --delete
says otherwise. A principal has two keys at most.

If AWS_ENDPOINT_URL or COFFER_ENDPOINT names a server, the key that AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY hold is rotated there, by IAM's own API: its user needs the
permissions iam:CreateAccessKey and, for the old one, iam:UpdateAccessKey or
iam:DeleteAccessKey. The old one is withdrawn with the new one, once that is shown or kept.
With --data, or without such a server, any key of the data directory is rotated while no
server runs on it, in one transaction.

With --profile the key and the server are those that the profile of AWS's shared files
has, and the new key is kept there instead of being shown.`,
		Example: `  coffer key rotate --profile coffer --delete
  coffer key rotate --exports > new.env
  coffer key rotate AKIAIOSFODNN7EXAMPLE --data /var/lib/coffer --deactivate`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	s := bindSettings(cmd, storeSettings...)
	flags := cmd.Flags()
	flags.BoolVar(&deactivate, "deactivate", false, "switch the old key off")
	flags.BoolVar(&remove, "delete", false, "delete the old key")
	flags.StringVar(&r.profile, "profile", "", "profile to take the key from, and to keep the new one in")
	flags.BoolVar(&r.form.json, "json", false, "print JSON, in the form of a credential_process")
	flags.BoolVar(&r.form.exports, "exports", false, "print shell exports")
	cmd.MarkFlagsMutuallyExclusive("deactivate", "delete")
	cmd.MarkFlagsMutuallyExclusive("profile", "json", "exports")
	must(cmd.RegisterFlagCompletionFunc("profile", completeProfile))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case deactivate:
			r.fate = identity.Deactivated
		case remove:
			r.fate = identity.Deleted
		}
		if err := r.look(); err != nil {
			return err
		}
		named := ""
		if len(args) > 0 {
			named = args[0]
		}
		endpoint := r.endpoint()
		if flags.Changed("data") || flags.Changed("config") || endpoint == "" {
			return r.inStore(cmd, s, named)
		}
		return r.atServer(cmd, endpoint, named)
	}
	return cmd
}

// look finds the profile's settings, and the key.
func (r *rotation) look() (err error) {
	if r.getenv, err = profileEnvironment(r.profile); err != nil {
		return err
	}
	prefix := "AWS_"
	if r.getenv("COFFER_ACCESS_KEY_ID") != "" {
		prefix = "COFFER_"
	}
	r.old = sigv4.Credentials{
		AccessKeyID:     r.getenv(prefix + "ACCESS_KEY_ID"),
		SecretAccessKey: secret.FromString(r.getenv(prefix + "SECRET_ACCESS_KEY")),
		SessionToken:    r.getenv(prefix + "SESSION_TOKEN"),
	}
	return nil
}

// endpoint is the server that the surroundings name, or empty.
func (r *rotation) endpoint() string {
	return cmp.Or(r.getenv("COFFER_ENDPOINT"), r.getenv("AWS_ENDPOINT_URL_IAM"), r.getenv("AWS_ENDPOINT_URL"))
}

// inStore rotates a key of a data directory.
func (r *rotation) inStore(cmd *cobra.Command, s *settings, named string) error {
	id := cmp.Or(named, r.old.AccessKeyID)
	if id == "" {
		return usageError{withHint(errors.New("no access key is named"), "Try: coffer key list, and coffer key rotate ACCESS-KEY-ID")}
	}
	var key *identity.GrantedKey
	err := withVault(cmd, s, server.OpenExistingVault, func(v *server.Vault) error {
		act := &server.Act{Name: "CreateAccessKey", By: byCommandLine, Details: map[string]string{"replaces": id, "replaced": string(r.fate)}}
		return v.Do(cmd.Context(), act, func(tx kv.Tx) (err error) {
			if key, err = v.Directory.Rotate(tx, id, r.fate, time.Now()); err == nil {
				act.Details["accessKeyId"] = key.ID
			}
			return err
		})
	})
	if errors.Is(err, identity.ErrTooManyKeys) {
		return withHint(err, "Try: coffer key rotate --delete, or coffer key delete with the one that nobody uses")
	}
	if err != nil {
		return err
	}
	if err := r.hand(cmd, key); err != nil {
		return err
	}
	r.tell(cmd.ErrOrStderr(), id, "coffer key delete "+id)
	return nil
}

// hand keeps the new key in the profile, or shows it: also if it can't be kept, so that it
// is not lost.
func (r *rotation) hand(cmd *cobra.Command, key *identity.GrantedKey) error {
	if r.profile == "" {
		return printKey(cmd.OutOrStdout(), key, r.form)
	}
	file, err := keepKey(r.profile, key.ID, key.Secret)
	if err != nil {
		err = fmt.Errorf("keeping the new key in the profile %s: %w", r.profile, err)
		return errors.Join(err, printKey(cmd.OutOrStdout(), key, r.form))
	}
	fmt.Fprintln(cmd.OutOrStdout(), key.ID)
	fmt.Fprintf(cmd.ErrOrStderr(), "Kept in the profile %s of %s.\n", r.profile, file)
	return nil
}

// tell says what has become of the old key.
func (r *rotation) tell(w io.Writer, id, remove string) {
	if r.fate == identity.Kept {
		fmt.Fprintf(w, "%s still works. When nobody uses it any more: %s\n", id, remove)
		return
	}
	fmt.Fprintf(w, "%s is %s.\n", id, r.fate)
}
