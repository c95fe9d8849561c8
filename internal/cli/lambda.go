// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/invoke"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
	"github.com/coffer-secrets/coffer/internal/ui"
)

func lambdaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lambda",
		Short: "Run Lambda functions on this machine",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(lambdaInvokeCommand())
	return cmd
}

// invokeFlags are what the command line says.
type invokeFlags struct {
	options             invoke.Options
	runtime, initType   string
	event, envFile      string
	env                 []string
	dev                 bool
	secrets, parameters []string
	policy              string
	repeat              int
	freeze              time.Duration
	json                bool
}

// initTypes are the names of --init-type, Lambda's own among them.
var initTypes = map[string]lambdahost.InitializationType{
	"on-demand": lambdahost.OnDemand, "snap-start": lambdahost.SnapStart,
	"managed": lambdahost.ManagedInstances, string(lambdahost.ManagedInstances): lambdahost.ManagedInstances,
}

func lambdaInvokeCommand() *cobra.Command {
	f := &invokeFlags{}
	cmd := &cobra.Command{
		Use:   "invoke --function PATH",
		Short: "Run a function with the extension, as Lambda would",
		Long: `Run a function of yours in a local Lambda environment, with Coffer's extension beside
it, on the runtimes of this machine: Node.js, Python, Go, or any executable that is a
runtime itself. Its response goes to standard output; what it logs, and what the
extension answered it, to standard error. The exit status is 1 if the function fails.

The function is a directory, where the handler is index.handler,
lambda_function.lambda_handler or what --handler says, or the file that has it.

Secrets come from the server that AWS_ENDPOINT_URL or --endpoint names, or from AWS,
under the credentials of the environment; with --dev from a server that is started for
the run and holds what --secret and --parameter give it. The function has the
variables of --env and --env-file, and none of yours beside those and PATH.`,
		Example: `  coffer lambda invoke --function ./orders --dev --secret prod/db=correct-horse
  coffer lambda invoke --function app.py --event '{"id": 7}' --repeat 2
  coffer lambda invoke --function ./orders --event @event.json --json | jq .payload
  coffer dev -- coffer lambda invoke --function ./orders --env STAGE=test`,
		Args: cobra.NoArgs,
	}
	f.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

// bind adds the flags.
func (f *invokeFlags) bind(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.Function.Path, "function", "", "the function's directory, or the file that has its handler")
	flags.StringVar(&o.Function.Handler, "handler", "", "the handler, such as index.handler (default: by the files)")
	flags.StringVar(&f.runtime, "runtime", "", "nodejs, python, go or provided (default: by the files)")
	flags.StringVar(&o.Extension, "extension", "", "the extension's program, or none (default: coffer-extension beside this program, on PATH, or built from source)")
	flags.IntVar(&o.Port, "port", 0, "the extension's port (default: 2773, or a free one)")
	flags.StringVar(&f.event, "event", "{}", "the event: JSON, @FILE, or - for standard input")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "an environment variable of the function, NAME=VALUE; may be repeated")
	flags.StringVar(&f.envFile, "env-file", "", "a file of such, one a line")
	flags.DurationVar(&o.Timeout, "timeout", 3*time.Second, "the function's timeout")
	flags.IntVar(&o.MemoryMB, "memory", 128, "the function's memory in MB, as it is told of it")
	flags.StringVar(&f.initType, "init-type", "on-demand", "on-demand, snap-start or managed")
	flags.IntVar(&f.repeat, "repeat", 1, "how often to invoke it, in one environment")
	flags.DurationVar(&f.freeze, "freeze", 0, "freeze the environment for so long between invocations")
	flags.StringVar(&o.Endpoint, "endpoint", "", "URL of the server that secrets come from")
	flags.BoolVar(&f.dev, "dev", false, "start a server in memory for the run")
	flags.StringArrayVar(&f.secrets, "secret", nil, "with --dev: a secret, NAME=VALUE; may be repeated")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "with --dev: a parameter, a SecureString, NAME=VALUE; may be repeated")
	flags.StringVar(&f.policy, "policy", "", "with --dev: the policy of the function's role, JSON or @FILE (default: everything)")
	flags.BoolVar(&f.json, "json", false, "print a report of each invocation as JSON instead of the response")
	must(cmd.MarkFlagRequired("function"))
	must(cmd.MarkFlagFilename("env-file"))
	must(cmd.MarkFlagFilename("extension"))
	must(cmd.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions(runtimes.All(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("init-type", cobra.FixedCompletions([]string{"on-demand", "snap-start", "managed"}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.MarkFlagsMutuallyExclusive("dev", "endpoint")
}

// must is for what fails only if a flag is misspelt above.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run invokes the function as often as it is asked to.
func (f *invokeFlags) run(cmd *cobra.Command) (err error) {
	event, err := f.read(cmd)
	if err != nil {
		return err
	}
	show := printer{out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(), paint: ui.For(cmd.ErrOrStderr()), json: f.json}
	f.options.Output = show.line
	ctx := cmd.Context()
	s, err := invoke.Open(ctx, f.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	failed := false
	for i := range f.repeat {
		if i > 0 && f.freeze > 0 {
			if err := s.Freeze(ctx, f.freeze); err != nil {
				return err
			}
		}
		r, err := s.Invoke(ctx, event)
		if err != nil {
			return err
		}
		failed = failed || r.FunctionError != ""
		if err := show.report(r); err != nil {
			return err
		}
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

// read turns the flags into options and returns the event.
func (f *invokeFlags) read(cmd *cobra.Command) (event []byte, err error) {
	known := false
	if f.options.InitializationType, known = initTypes[f.initType]; !known {
		return nil, usageError{fmt.Errorf("--init-type is %q: want on-demand, snap-start or managed", f.initType)}
	}
	if f.repeat < 1 {
		return nil, usageError{errors.New("--repeat is less than 1")}
	}
	if f.options.Function.Runtime, err = runtimes.Parse(f.runtime); err != nil {
		return nil, usageError{err}
	}
	if f.options.Env, err = f.environment(); err != nil {
		return nil, usageError{err}
	}
	if err := f.readDev(); err != nil {
		return nil, usageError{err}
	}
	if event, err = fromArgument(f.event, cmd.InOrStdin()); err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	if !json.Valid(event) {
		return nil, usageError{withHint(errors.New("the event is not JSON"), `A string has quotes of its own: --event '"text"'`)}
	}
	return event, nil
}

// environment reads the variables of --env-file, and those of --env, which come first.
func (f *invokeFlags) environment() (map[string]string, error) {
	var pairs []string
	if f.envFile != "" {
		text, err := os.ReadFile(f.envFile)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				pairs = append(pairs, line)
			}
		}
	}
	return parsePairs("--env", append(pairs, f.env...))
}

func (f *invokeFlags) readDev() (err error) {
	if !f.dev {
		if len(f.secrets)+len(f.parameters)+len(f.policy) > 0 {
			return errors.New("--secret, --parameter and --policy are for a server that --dev starts")
		}
		return nil
	}
	d := &invoke.Dev{}
	if d.Secrets, err = parsePairs("--secret", f.secrets); err != nil {
		return err
	}
	if d.Parameters, err = parsePairs("--parameter", f.parameters); err != nil {
		return err
	}
	policy, err := fromArgument(f.policy, nil)
	if err != nil {
		return err
	}
	d.Policy = string(policy)
	f.options.Dev = d
	return nil
}

// parsePairs reads NAME=VALUE. An error does not show the value.
func parsePairs(flag string, pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s wants NAME=VALUE", flag)
		}
		values[name] = value
	}
	return values, nil
}

// fromArgument returns what an argument says, or the file after its @, or what comes from in
// if it is a dash.
func fromArgument(argument string, in io.Reader) ([]byte, error) {
	file, isFile := strings.CutPrefix(argument, "@")
	switch {
	case isFile:
		return os.ReadFile(file)
	case argument == "-" && in != nil:
		b, err := io.ReadAll(io.LimitReader(in, lambdahost.MaxPayload+1))
		return bytes.TrimSpace(b), err
	}
	return []byte(argument), nil
}
