// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/ui"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Read and verify the audit log", Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(auditTailCommand(), auditVerifyCommand())
	return cmd
}

// auditFile is the log that the arguments or the settings name.
func auditFile(config server.Config, args []string) string {
	switch {
	case len(args) > 0:
		return args[0]
	case config.AuditFile != "":
		return config.AuditFile
	case config.Data != "":
		return filepath.Join(config.Data, "audit.log")
	}
	return filepath.Join(server.DefaultData, "audit.log")
}

func auditTailCommand() *cobra.Command {
	var o audit.ReadOptions
	var since time.Duration
	asJSON := false
	cmd := &cobra.Command{
		Use:   "tail [FILE]",
		Short: "Print records of the audit log",
		Long: `Print the last records of the audit log, and with --follow those that come, a line
each: time, principal, call, resource, outcome. It works beside a running server.`,
		Example: `  coffer audit tail --data /var/lib/coffer --follow
  coffer audit tail --error '*' --since 1h
  coffer audit tail --json -n 0 | jq 'select(.eventName == "GetSecretValue")'`,
		Args: cobra.MaximumNArgs(1),
	}
	s := bindSettings(cmd, "data", "audit-file")
	flags := cmd.Flags()
	flags.IntVarP(&o.Last, "lines", "n", 20, "begin with the last so many records; 0 means with the first")
	flags.BoolVarP(&o.Follow, "follow", "f", false, "wait for more")
	flags.DurationVar(&since, "since", 0, "only records younger than this, such as 1h")
	flags.StringVar(&o.Filter.EventName, "event", "", "only calls of this operation")
	flags.StringVar(&o.Filter.EventSource, "service", "", "only calls of this service, such as kms")
	flags.StringVar(&o.Filter.Principal, "principal", "", "only calls of the principal with this in its ARN")
	flags.StringVar(&o.Filter.Resource, "resource", "", "only calls on a resource with this in its ARN")
	flags.StringVar(&o.Filter.ErrorCode, "error", "", "only calls that ended with this error code; * means any")
	flags.BoolVar(&asJSON, "json", false, "print the records as they are, JSON a line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		config, err := s.load(cmd)
		if err != nil {
			return err
		}
		if since > 0 {
			o.Filter.Since, o.Last = time.Now().Add(-since), 0
		}
		print := ui.Record
		if asJSON {
			print = printLine
		}
		for r, err := range audit.Records(cmd.Context(), auditFile(config, args), o) {
			if err != nil {
				return err
			}
			if err := print(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func printLine(w io.Writer, r audit.Record) error {
	_, err := fmt.Fprintf(w, "%s\n", r.Line)
	return err
}

// verified is the result of verify as JSON.
type verified struct {
	OK         bool   `json:"ok"`
	Records    uint64 `json:"records"`
	First      uint64 `json:"first"`
	Last       uint64 `json:"last"`
	Beyond     uint64 `json:"beyondAnchor"`
	MACChecked bool   `json:"macChecked"`
	Fault      string `json:"fault,omitempty"`
}

func auditVerifyCommand() *cobra.Command {
	asJSON := false
	var partial bool
	cmd := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Check that the audit log is what was written",
		Long: `Check that no record of the audit log was changed, removed, inserted or cut off.

With --data, and while no server runs, the anchor's authenticity is checked too,
with the key in the store: only that finds a log and an anchor that were both made
anew. Files of a log that was rotated are given oldest first.`,
		Example: `  coffer audit verify --data /var/lib/coffer
  coffer audit verify audit.log.1 audit.log`,
	}
	s := bindSettings(cmd, storeSettings...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&partial, "partial", false, "the first file is not the log's first: older ones are elsewhere")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		report, err := verifyAudit(cmd, s, args, partial)
		if err != nil && !errors.Is(err, audit.ErrTampered) {
			return err
		}
		out := verified{err == nil, report.Records, report.First, report.Last, report.Beyond, report.MACChecked, ""}
		if err != nil {
			out.Fault = err.Error()
		}
		if asJSON {
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(out); err != nil {
				return err
			}
		} else if err == nil {
			printVerified(cmd.OutOrStdout(), report)
		}
		return err
	}
	return cmd
}

// verifyAudit verifies the files alone, or, where the store is at hand and no server
// holds it, with the anchor's key.
func verifyAudit(cmd *cobra.Command, s *settings, args []string, partial bool) (report audit.Report, err error) {
	config, err := s.load(cmd)
	if err != nil {
		return report, err
	}
	o := audit.VerifyOptions{Partial: partial}
	if len(args) == 0 {
		key, err := config.AnchorKey(cmd.Context())
		switch {
		case err == nil:
			o.Key = key.Reveal()
		case errors.Is(err, kv.ErrLocked):
			fmt.Fprintln(cmd.ErrOrStderr(), "A server is running, so the anchor's authenticity is not checked.")
		default:
			return report, advise(err)
		}
		args = []string{auditFile(config, nil)}
	}
	return audit.Verify(args, o)
}

func printVerified(w io.Writer, r audit.Report) {
	p := ui.For(w)
	fmt.Fprintf(w, "%s %d records, %d to %d: the chain is whole", p.Green("ok"), r.Records, r.First, r.Last)
	if r.MACChecked {
		fmt.Fprint(w, ", and the anchor is authentic")
	} else {
		fmt.Fprint(w, " and ends where the anchor says; the anchor's authenticity was not checked")
	}
	fmt.Fprintln(w)
}
