// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is the coffer command.
//
// The rules of its interface: results go to standard output, and everything said
// on the way to standard error; both are plain text in a pipe and coloured on a
// terminal, unless NO_COLOR is set; an error is one line that says what went wrong,
// and, where it helps, a second that says what to type next; the exit status is 0
// for success, 1 for failure, and 2 for a command line that could not be read.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/ui"
)

// Main runs the command line and returns the exit status. An interrupt or a
// termination signal ends the context; a second one ends the process.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// Run is Main with its surroundings given.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root, begun := command(), false
	noteBegin(root, &begun)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	fmt.Fprintf(errOut, "%s %v\n", ui.For(errOut).Red("coffer:"), err)
	if h, ok := errors.AsType[*hinted](err); ok {
		fmt.Fprintf(errOut, "%s\n", h.hint)
	}
	if _, ok := errors.AsType[usageError](err); ok || !begun {
		return 2
	}
	return 1
}

// noteBegin has begun set when a command begins to run: an error before is one of the
// command line.
func noteBegin(cmd *cobra.Command, begun *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*begun = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteBegin(sub, begun)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "coffer",
		Short:         "Secrets for serverless functions, and for everything that starts often and lives briefly",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{withHint(err, fmt.Sprintf("Try: %s --help", cmd.CommandPath()))}
	})
	root.AddCommand(demoCommand(), devCommand(), runCommand(), serverCommand(), keyCommand(), loginCommand(), logoutCommand(), credentialsCommand(), auditCommand(), eventsCommand(), whyCommand(), whoCommand(), leastPrivilegeCommand(), lambdaCommand(), sealCommand(), benchCommand(), versionCommand())
	return root
}

func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{withHint(fmt.Errorf("unknown command %q", args[0]), fmt.Sprintf("Try: %s --help", cmd.CommandPath()))}
}

// usageError is a command line that can't be read.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

// exitStatus ends the command with the status of a program that it ran.
type exitStatus int

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// hinted is an error with a line on what to do next.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without its hint.
func (e *hinted) Unwrap() error { return e.error }

func withHint(err error, hint string) error { return &hinted{err, hint} }
