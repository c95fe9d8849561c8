// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/usage"
)

// leastFlags are those of coffer least-privilege.
type leastFlags struct {
	*accessFlags
	since      string
	logs       []string
	generalize int
	logOnly    bool
	policy     bool // print it alone
}

func leastPrivilegeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "least-privilege [PRINCIPAL]",
		Short: "Tell from the audit log which permissions are used",
		Long: `Tell from the audit log which permissions a principal has used, as the smallest policy
that would have allowed it, and which it is granted beside that. Without a principal, list
whom of the account's users and roles the log knows nothing of.

What counts is what succeeded. The policy has no wildcard but for the characters that
Secrets Manager adds to a name, unless --generalize allows a path in the place of many
resources below it.

The log is DATA/audit.log, or what --log names: several files of a log that was rotated,
oldest first. What is granted is asked of the server that the environment names, for which
the caller needs the permission iam:GetAccountAuthorizationDetails, or with --data of the
data directory, while no server runs on it; --log-only leaves it out.`,
		Example: `  coffer least-privilege role/orders --since 30d --data /var/lib/coffer
  coffer least-privilege user/ada --log audit.log.1 --log audit.log --policy > ada.json
  coffer least-privilege --since 90d --data /var/lib/coffer`,
		Args: cobra.MaximumNArgs(1),
	}
	f := &leastFlags{accessFlags: &accessFlags{settings: bindSettings(cmd, append([]string{"region"}, storeSettings...)...)}}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "only what is younger than this, such as 30d or 12h")
	flags.StringArrayVar(&f.logs, "log", nil, "a file of the audit log, instead of the data directory's")
	flags.IntVar(&f.generalize, "generalize", 0, "allow a path in the place of more than so many resources below it")
	flags.BoolVar(&f.logOnly, "log-only", false, "leave out what is granted")
	flags.BoolVar(&f.policy, "policy", false, "print the policy alone, from the log only")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("json", "policy")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, strings.Join(args, "")) }
	return cmd
}

func (f *leastFlags) run(cmd *cobra.Command, who string) error {
	since, err := parseSince(f.since)
	if err != nil {
		return err
	}
	served, err := newServed()
	if err != nil {
		return err
	}
	used, err := f.read(cmd, served, since)
	if err != nil {
		return err
	}
	var people []person
	if !f.logOnly && !f.policy {
		if err := f.ask(cmd, func(c *client.Client) (err error) {
			people, err = everybody(cmd.Context(), c)
			return err
		}); err != nil {
			return withHint(err, "What is granted could not be asked for: give --data, or a server and credentials in the environment, or --log-only.")
		}
	}
	if who == "" {
		return f.printIdle(cmd.OutOrStdout(), used, people)
	}
	arn, err := meant(who, used, people)
	if err != nil {
		return err
	}
	r := least{Principal: arn, Since: since, Uses: used[arn], Policy: usage.Smallest(used[arn], f.generalize), Granted: []usage.Grant{}}
	for _, p := range people {
		if p.arn == arn {
			if r.Granted, err = usage.Granted(arn, p.policies, r.Uses, served.names); err != nil {
				return err
			}
		}
	}
	switch {
	case f.json:
		return printJSON(cmd.OutOrStdout(), r)
	case f.policy:
		return printJSON(cmd.OutOrStdout(), r.Policy)
	}
	return r.print(cmd.OutOrStdout(), !f.logOnly)
}

// served are the operations of a server.
type served struct {
	usage.Service
	names []string // of the actions
}

func newServed() (*served, error) {
	all, err := server.AllOperations()
	if err != nil {
		return nil, err
	}
	s := &served{Service: usage.Service{Open: map[string]bool{}, Actions: map[string][]string{}}}
	for _, op := range all {
		if !op.Bound {
			continue
		}
		name := op.Service.Name + ":" + op.Name
		s.Open[name], s.Actions[name] = op.Open || op.Unsigned, op.Actions
		if !s.Open[name] {
			s.names = append(s.names, name)
		}
	}
	slices.Sort(s.names)
	return s, nil
}

// read reads the files of the log.
func (f *leastFlags) read(cmd *cobra.Command, s *served, since time.Time) (usage.Usage, error) {
	files := f.logs
	if len(files) == 0 {
		config, err := f.settings.load(cmd)
		if err != nil {
			return nil, err
		}
		files = []string{auditFile(config, nil)}
	}
	return s.Collect(records(cmd.Context(), files, audit.ReadOptions{Filter: audit.Filter{Since: since}}))
}

// records are those of several files, one after another.
func records(ctx context.Context, files []string, o audit.ReadOptions) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, file := range files {
			for r, err := range audit.Records(ctx, file, o) {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// parseSince reads how long ago, in days or as a time of Go's.
func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return time.Time{}, usageError{fmt.Errorf("--since %q: a time such as 30d or 12h", text)}
	}
	return time.Now().Add(-d), nil
}

// meant returns the ARN of the principal that a text means: its ARN, or what that ends in.
func meant(text string, used usage.Usage, people []person) (string, error) {
	var known []string
	for arn := range used {
		known = append(known, arn)
	}
	for _, p := range people {
		known = append(known, p.arn)
	}
	slices.Sort(known)
	found := slices.DeleteFunc(slices.Compact(known), func(arn string) bool {
		kind, name, _ := strings.Cut(arn[strings.LastIndexByte(arn, ':')+1:], "/")
		short := name[strings.LastIndexByte(name, '/')+1:]
		return text != arn && text != kind+"/"+short && text != short && (text != kind || name != "")
	})
	switch len(found) {
	case 0:
		return "", fmt.Errorf("neither the log nor the account has a principal %q", text)
	case 1:
		return found[0], nil
	}
	return "", withHint(errors.New("several principals are called so"), "Give one of: "+strings.Join(found, ", "))
}
