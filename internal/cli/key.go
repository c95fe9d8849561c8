// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

const byCommandLine = "command line"

func keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Create, rotate and withdraw access keys",
		Long: `Create and withdraw access keys, and the users and roles that they stand for.

These commands work on the data directory itself, so the server must not be
running; rotate works with a server too. Principals that a configuration file
names are changed there.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keyCreateCommand(), keyRotateCommand(), keyListCommand(),
		keyChangeCommand("delete", "Delete an access key", "DeleteAccessKey",
			func(d *identity.Directory, tx kv.Tx, id string) error { return d.DeleteKey(tx, id) }),
		keyChangeCommand("deactivate", "Switch an access key off", "UpdateAccessKey",
			func(d *identity.Directory, tx kv.Tx, id string) error { return d.SetKeyStatus(tx, id, false) }),
		keyChangeCommand("activate", "Switch an access key on again", "UpdateAccessKey",
			func(d *identity.Directory, tx kv.Tx, id string) error { return d.SetKeyStatus(tx, id, true) }))
	return cmd
}

// storeSettings are the settings of commands that work on a data directory.
var storeSettings = []string{"data", "account-id", "root-key-file", "root-passphrase-file", "audit-file"}

// opener opens a data directory: server.OpenVault, which makes one that is not there,
// or server.OpenExistingVault.
type opener func(context.Context, server.Config, *slog.Logger) (*server.Vault, error)

// withVault runs fn on the data directory that the flags name.
func withVault(cmd *cobra.Command, s *settings, open opener, fn func(*server.Vault) error) (err error) {
	config, err := s.load(cmd)
	if err != nil {
		return err
	}
	log, err := newLog(cmd.ErrOrStderr(), "warn")
	if err != nil {
		return err
	}
	v, err := open(cmd.Context(), config, log)
	if err != nil {
		return advise(err)
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	return fn(v)
}

type keyFlags struct {
	root          bool
	user, role    string
	policy        string
	session       string
	duration      time.Duration
	json, exports bool
}

func keyCreateCommand() *cobra.Command {
	var f keyFlags
	cmd := &cobra.Command{
		Use:   "create (--root | --user NAME | --role NAME)",
		Short: "Create an access key, and the user or role if there is none of that name",
		Long: `Create an access key. The secret is shown this once, and never again.

A user or role that does not exist is made. With --policy its permissions become
those of that document alone; without, they stay as they are, and a new one has
none. A role's key is a session: it comes with a token, and ends by itself.`,
		Example: `  coffer key create --root
  coffer key create --user deploy --policy deploy.json
  coffer key create --role orders-function --policy orders.json --duration 1h --json`,
		Args: cobra.NoArgs,
	}
	s := bindSettings(cmd, storeSettings...)
	flags := cmd.Flags()
	flags.BoolVar(&f.root, "root", false, "a key of the account's root, which may do everything")
	flags.StringVar(&f.user, "user", "", "a key of this user")
	flags.StringVar(&f.role, "role", "", "a session of this role")
	flags.StringVar(&f.policy, "policy", "", "file of a policy document, JSON")
	flags.StringVar(&f.session, "session-name", "coffer", "name of the role's session")
	flags.DurationVar(&f.duration, "duration", time.Hour, "how long the role's session lasts, up to 12h")
	flags.BoolVar(&f.json, "json", false, "print JSON, in the form of a credential_process")
	flags.BoolVar(&f.exports, "exports", false, "print shell exports")
	cmd.MarkFlagsOneRequired("root", "user", "role")
	cmd.MarkFlagsMutuallyExclusive("root", "user", "role")
	cmd.MarkFlagsMutuallyExclusive("root", "policy")
	cmd.MarkFlagsMutuallyExclusive("json", "exports")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withVault(cmd, s, server.OpenVault, func(v *server.Vault) error {
			key, err := createKey(cmd, v, f)
			if err != nil {
				return err
			}
			return printKey(cmd.OutOrStdout(), key, f)
		})
	}
	return cmd
}

func createKey(cmd *cobra.Command, v *server.Vault, f keyFlags) (key *identity.GrantedKey, err error) {
	p := identity.Principal{Account: v.Config.Account, Kind: identity.Root, Name: string(identity.Root)}
	switch {
	case f.user != "":
		p.Kind, p.Name = identity.User, f.user
	case f.role != "":
		p.Kind, p.Name = identity.Role, f.role
	}
	if f.policy != "" {
		document, err := readPolicy(f.policy)
		if err != nil {
			return nil, err
		}
		p.Policies = map[string]string{filepath.Base(f.policy): document}
	}
	act := &server.Act{Name: "CreateAccessKey", By: byCommandLine, Details: map[string]string{"principal": p.ARN()}}
	err = v.Do(cmd.Context(), act, func(tx kv.Tx) error {
		if err := v.Directory.EnsurePrincipal(tx, p, f.policy != "", time.Now()); err != nil {
			return err
		}
		n := identity.NewKey{Account: p.Account, Kind: p.Kind, Name: p.Name}
		if p.Kind == identity.Role {
			n.Session, n.Duration = f.session, f.duration
		}
		key, err = v.Directory.CreateKey(tx, n, time.Now())
		if err != nil {
			return err
		}
		act.Details["accessKeyId"] = key.ID
		return nil
	})
	return key, err
}

// maxPolicy is the largest policy file that is read, in bytes: as large as a policy
// document may be.
const maxPolicy = 128 << 10

func readPolicy(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPolicy+1))
	if err == nil && len(data) > maxPolicy {
		err = fmt.Errorf("%s: a policy has at most %d bytes", path, maxPolicy)
	}
	return string(data), err
}

// printKey shows a new key: this is the one place where the command line prints a
// secret.
func printKey(w io.Writer, key *identity.GrantedKey, f keyFlags) error {
	if f.json {
		form := map[string]any{"Version": 1, "AccessKeyId": key.ID, "SecretAccessKey": key.Secret.RevealString()}
		if !key.SessionToken.IsZero() {
			form["SessionToken"], form["Expiration"] = key.SessionToken.RevealString(), key.Expires.UTC().Format(time.RFC3339)
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(form)
	}
	form := "%s = %s\n"
	names := []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
	if f.exports {
		form = "export %s=%s\n"
		names = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
	}
	text := fmt.Sprintf(form, names[0], key.ID) + fmt.Sprintf(form, names[1], key.Secret.RevealString())
	if !key.SessionToken.IsZero() {
		text += fmt.Sprintf(form, names[2], key.SessionToken.RevealString())
	}
	_, err := io.WriteString(w, text)
	return err
}

func keyListCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: "list", Short: "List the access keys", Args: cobra.NoArgs,
		Example: "  coffer key list --data /var/lib/coffer --json",
	}
	s := bindSettings(cmd, storeSettings...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withVault(cmd, s, server.OpenExistingVault, func(v *server.Vault) error {
			var keys []*identity.AccessKey
			_, err := v.Store.View(cmd.Context(), func(r kv.Reader) (err error) {
				keys, err = v.Directory.Keys(r, "", "", "")
				return err
			})
			if err != nil {
				return err
			}
			return printKeys(cmd.OutOrStdout(), keys, asJSON)
		})
	}
	return cmd
}

// listedKey is a key as it is listed: without its secret.
type listedKey struct {
	AccessKeyID string    `json:"accessKeyId"`
	Account     string    `json:"account"`
	Principal   string    `json:"principal"`
	Status      string    `json:"status"`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires,omitzero"`
}

func printKeys(w io.Writer, keys []*identity.AccessKey, asJSON bool) error {
	listed := []listedKey{}
	for _, k := range keys {
		l := listedKey{k.ID, k.Account, string(k.Kind), "Active", k.Created, k.Expires}
		if k.Kind != identity.Root {
			l.Principal += "/" + k.Name
		}
		if k.Inactive {
			l.Status = "Inactive"
		}
		if !k.Expires.IsZero() && !time.Now().Before(k.Expires) {
			l.Status = "Expired"
		}
		listed = append(listed, l)
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(listed)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACCESS KEY\tACCOUNT\tPRINCIPAL\tSTATUS\tCREATED")
	for _, l := range listed {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.AccessKeyID, l.Account, l.Principal, l.Status, l.Created.Format(time.RFC3339))
	}
	return t.Flush()
}

func keyChangeCommand(name, short, action string, change func(*identity.Directory, kv.Tx, string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " ACCESS-KEY-ID", Short: short, Args: cobra.ExactArgs(1),
		Example: "  coffer key " + name + " AKIAIOSFODNN7EXAMPLE",
	}
	s := bindSettings(cmd, storeSettings...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withVault(cmd, s, server.OpenExistingVault, func(v *server.Vault) error {
			act := &server.Act{Name: action, By: byCommandLine, Details: map[string]string{"accessKeyId": args[0], "change": name}}
			return v.Do(cmd.Context(), act, func(tx kv.Tx) error { return change(v.Directory, tx, args[0]) })
		})
	}
	return cmd
}
