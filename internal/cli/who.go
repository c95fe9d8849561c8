// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
)

func whoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "who ACTION RESOURCE",
		Short: "List everyone who could make a call",
		Long: `List everyone who could make a call: the users, the roles and the root of the account
whom all policies that bear on it allow, with what the call comes to. Where it hangs on
what only a real call brings with it, such as aws:SourceIp, the access is conditional;
--context supposes it. Of other accounts, and of services, those are listed whom the
policy of the resource lets in: whether they get in is also for their own policies.
` + fmt.Sprintf(accessHelp, "coffer:ListAccess"),
		Example: `  coffer who secretsmanager:GetSecretValue prod/db
  coffer who kms:Decrypt alias/orders --data /var/lib/coffer --json`,
		Args: cobra.ExactArgs(2),
	}
	f := bindAccess(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		keys, err := f.keys()
		if err != nil {
			return err
		}
		return f.ask(cmd, func(c *client.Client) error {
			all, err := listAccess(cmd.Context(), c, &coffer.ListAccessInput{Action: &args[0], Resource: &args[1], Context: keys})
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return printWho(cmd.OutOrStdout(), all)
		})
	}
	return cmd
}

// listAccess lists all pages.
func listAccess(ctx context.Context, c *client.Client, in *coffer.ListAccessInput) ([]coffer.AccessPrincipal, error) {
	all := []coffer.AccessPrincipal{}
	for {
		out, err := awsjson.Do(ctx, c, coffer.ListAccess, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Principals...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

func printWho(w io.Writer, all []coffer.AccessPrincipal) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACCESS\tPRINCIPAL\tBY")
	for _, p := range all {
		by := []string{}
		for _, s := range p.Allowing {
			text := statementText(&s)
			for _, c := range s.Conditions {
				text += fmt.Sprintf(", if %s %s %s", *c.Key, *c.Operator, strings.Join(c.Wanted, " or "))
			}
			by = append(by, text)
		}
		if len(by) == 0 {
			by = append(by, map[string]string{coffer.AccessNow: "needs no allow", coffer.AccessOutside: "the resource's policy"}[*p.Access])
		}
		for i, text := range by {
			if i == 0 {
				fmt.Fprintf(t, "%s\t%s\t%s\n", *p.Access, *p.Principal, text)
			} else {
				fmt.Fprintf(t, "\t\t%s\n", text)
			}
		}
	}
	return t.Flush()
}
