// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/environ"
)

// wrapper is the name under which the program is an exec wrapper of Lambda's: it is given
// the runtime's command line, and nothing of its own.
const wrapper = "coffer-exec"

const (
	// execTimeout bounds the time until all values are there, and maxExecTimeout what
	// it can be made.
	execTimeout    = 10 * time.Second
	maxExecTimeout = 10 * time.Minute
)

// Exit statuses of a command that could not be started, as shells have them.
const (
	notExecutable = 126
	notFound      = 127
)

const execUsage = `Usage: %[1]s [--only NAME,NAME...] -- COMMAND [ARG...]

Runs a command with values in the places of the references in its environment variables:

  {{resolve:secretsmanager:prod/db:SecretString:password}}   a member, or all, of a secret
  {{resolve:ssm:/prod/url}}  {{resolve:ssm-secure:/prod/key:3}}   a parameter
  arn:aws:secretsmanager:...:secret:...  arn:aws:ssm:...:parameter/...   as ECS has them
  kms:BASE64  vault:PATH#field  doppler:NAME  file:/PATH#field

  DATABASE_URL='postgres://app:{{resolve:secretsmanager:prod/db:SecretString:password}}@db/app' \
      %[1]s -- ./server

The {{...}} may stand within other text. Values come from the extension or agent beside the
command (COFFER_AGENT), or else from the sources themselves. Without all values the command is
not started. No process stays: the command gets this process's place, signals and all.
`

// command is what the command line of the exec wrapper says.
type command struct {
	only []string
	args []string
}

// parseCommand reads "[--only NAMES] [--] COMMAND [ARG...]".
func parseCommand(args []string) (c command, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, given := strings.Cut(args[0], "=")
		args = args[1:]
		switch {
		case name == "--" && !given:
			c.args = args
			return c, c.check()
		case name != "--only":
			return c, fmt.Errorf("unknown argument %q", name)
		case !given && len(args) == 0:
			return c, errors.New("--only lacks the names")
		case !given:
			value, args = args[0], args[1:]
		}
		c.only = append(c.only, names(value)...)
	}
	c.args = args
	return c, c.check()
}

func (c *command) check() error {
	if len(c.args) == 0 || c.args[0] == "" {
		return errors.New("no command: it goes after --")
	}
	return nil
}

// names reads a list with commas between.
func names(list string) (all []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// Exec resolves the references in the process's environment, and becomes the command that
// the arguments name. It returns only if it can't: the exit status, after it has written
// to errs why, in the name of the program that is given. Where processes can't become
// others, it runs the command, and returns its status.
func Exec(name string, args []string, out, errs io.Writer) int {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		fmt.Fprintf(out, execUsage, name)
		return 0
	}
	c, err := parseCommand(args)
	if err != nil {
		fmt.Fprintf(errs, "%s: %v; try --help\n", name, err)
		return 2
	}
	return start(name, c, errs)
}

func start(name string, c command, errs io.Writer) int {
	fail := func(status int, err error) int {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(errs, "%s: %s\n", name, strings.TrimSuffix(line, "\n"))
		}
		return status
	}
	path, err := exec.LookPath(c.args[0])
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return fail(notFound, fmt.Errorf("%s: command not found", c.args[0]))
	case err != nil:
		return fail(notExecutable, err)
	}
	hideMemory()
	p := &process{name: name, getenv: os.Getenv, errs: errs, now: time.Now, api: http.DefaultTransport}
	env, err := p.environment(context.Background(), os.Environ(), c.only)
	if err != nil {
		return fail(1, err)
	}
	status, err := become(path, c.args, env)
	if err != nil {
		return fail(notExecutable, fmt.Errorf("starting %s: %w", c.args[0], err))
	}
	return status
}

// environment returns an environment with values in the places of references.
func (p *process) environment(ctx context.Context, env, only []string) ([]string, error) {
	if p.getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == snapStart {
		fmt.Fprintf(p.errs, "%s: with SnapStart, values in environment variables are a part of the snapshot, "+
			"and as old as that: ask the extension for them instead\n", p.name)
	}
	timeout := p.execTimeout()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	from, err := p.nearest(timeout)
	if err != nil {
		return nil, err
	}
	only = append(only, names(p.getenv("COFFER_EXEC_ONLY"))...)
	env, err = environ.Resolve(ctx, env, only, from.get)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w\ngave up after %v, which COFFER_EXEC_TIMEOUT can change", err, timeout)
	}
	return env, err
}

// execTimeout reads COFFER_EXEC_TIMEOUT.
func (p *process) execTimeout() time.Duration {
	text := strings.TrimSpace(p.getenv("COFFER_EXEC_TIMEOUT"))
	if text == "" {
		return execTimeout
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		fmt.Fprintf(p.errs, "%s: COFFER_EXEC_TIMEOUT is not a duration such as 30s. Using %v.\n", p.name, execTimeout)
		return execTimeout
	}
	return min(d, maxExecTimeout)
}
