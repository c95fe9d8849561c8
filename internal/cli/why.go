// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/ui"
)

func whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why PRINCIPAL ACTION RESOURCE",
		Short: "Tell how a call would be decided, and why",
		Long: `Tell whether a principal may make a call, each statement that matters to it, and what
would have to change. The decision is that of a real call: with the policies, tags and
keys as they are, and with what the call comes to (kms:Decrypt, to read a secret under a
customer's key).

A principal is an ARN, or user/NAME, role/NAME, root, or a name; a resource is an ARN, or
the name that the service takes for one. What only a real call brings with it, such as
aws:SourceIp, the call does not have, unless --context says so.
` + fmt.Sprintf(accessHelp, "coffer:ExplainAccess, on the principal"),
		Example: `  coffer why ada secretsmanager:GetSecretValue prod/db
  coffer why role/orders ssm:GetParameter /orders/url --context aws:SourceIp=10.1.2.3
  coffer why user/ada kms:Decrypt alias/orders --data /var/lib/coffer --json`,
		Args: cobra.ExactArgs(3),
	}
	f := bindAccess(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		keys, err := f.keys()
		if err != nil {
			return err
		}
		return f.ask(cmd, func(c *client.Client) error {
			out, err := awsjson.Do(cmd.Context(), c, coffer.ExplainAccess, &coffer.ExplainAccessInput{
				Principal: &args[0], Action: &args[1], Resource: &args[2], Context: keys,
			})
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), out)
			}
			return printWhy(cmd.OutOrStdout(), out)
		})
	}
	return cmd
}

// printWhy prints a line for the answer, and for each decision what it was taken on.
func printWhy(w io.Writer, out *coffer.ExplainAccessOutput) error {
	p := ui.For(w)
	verdict := p.Green("yes:") + " " + *out.Principal + " may do that"
	if !*out.Allowed {
		verdict = p.Red("no:") + " " + *out.Principal + " may not do that"
	}
	if len(out.Decisions) == 0 {
		verdict += ", as everybody may who can sign"
	}
	fmt.Fprintln(w, verdict)
	for _, d := range out.Decisions {
		printDecision(w, p, &d)
	}
	return nil
}

func printDecision(w io.Writer, p ui.Paint, d *coffer.AccessDecision) {
	how := p.Red("denied")
	if *d.Decision == coffer.DecisionAllowed {
		how = p.Green("allowed")
	}
	fmt.Fprintf(w, "\n%s: %s on %s", how, p.Bold(*d.Action), *d.Resource)
	if d.Via != nil {
		service, _, _ := strings.Cut(*d.Via, ".")
		fmt.Fprintf(w, ", by way of %s", service)
	}
	fmt.Fprintln(w)
	for _, s := range d.Matched {
		fmt.Fprintf(w, "  %s by %s\n", map[string]string{"Allow": "allowed", "Deny": "denied"}[*s.Effect], statementText(&s))
	}
	for _, change := range d.Changes {
		fmt.Fprintf(w, "  - %s\n", change)
	}
}

// statementText says which statement it is.
func statementText(s *coffer.AccessStatement) string {
	text := "the " + *s.PolicyType
	if s.Policy != nil {
		text += " " + *s.Policy
	}
	if s.AttachedTo != nil {
		text += " of " + (*s.AttachedTo)[strings.LastIndexByte(*s.AttachedTo, ':')+1:]
	}
	switch {
	case s.Statement == nil && s.Policy == nil:
		return "another account's " + *s.PolicyType
	case s.Statement == nil:
		return text + ", which can't be read"
	case s.Sid != nil:
		return fmt.Sprintf("%s, statement %q", text, *s.Sid)
	}
	return fmt.Sprintf("%s, statement %d", text, *s.Statement)
}
