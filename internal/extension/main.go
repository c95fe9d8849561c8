// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package extension is the program coffer-extension: it brings secrets and parameters to
// a Lambda function, or to the processes beside it. It fetches them from their sources,
// keeps them for a while, and gives them out on 127.0.0.1, as the AWS Parameters and
// Secrets Lambda Extension does.
//
// In /opt/extensions it is a Lambda extension, and lives from INIT to SHUTDOWN.
// Anywhere else it is an agent that runs until it gets SIGTERM or SIGINT. As coffer-exec, or
// told to exec, it puts values into the environment of another program and becomes that.
package extension

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/files"
)

// Main is the Main of coffer-extension.
func Main(args []string, out, errs io.Writer) int {
	return Program{Name: "coffer-extension"}.Main(args, out, errs)
}

// Program is the program in one of its sizes: functions start the small one, and daemons
// have room for more.
type Program struct {
	// Name is what it calls itself.
	Name string
	// Render renders the templates of files. Nil refuses them.
	Render files.Renderer
}

// Main reads the command line, runs the program, and returns its exit status. It sets
// limits of the process and takes its signals.
func (program Program) Main(args []string, out, errs io.Writer) int {
	if filepath.Base(args[0]) == wrapper {
		return Exec(wrapper, append([]string{"--"}, args[1:]...), out, errs)
	}
	if len(args) > 1 && args[1] == "exec" {
		return Exec(filepath.Base(args[0])+" exec", args[2:], out, errs)
	}
	if len(args) == 2 && args[1] == "ping" {
		return Ping(os.Getenv, errs)
	}
	for _, arg := range args[1:] {
		switch arg {
		case "--version", "-version", "version":
			fmt.Fprintln(out, program.Name, version())
			return 0
		case "--help", "-help", "-h", "help":
			fmt.Fprint(out, usage)
			return 0
		default:
			fmt.Fprintf(errs, "%s: unknown argument %q; try --help\n", program.Name, arg)
			return 2
		}
	}
	keepOutOfDumps()
	tuneMemory()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	p := &process{
		name: args[0], getenv: os.Getenv, errs: errs, now: time.Now, listen: agent.Listen,
		api: &http.Transport{DisableCompression: true}, environ: os.Environ, render: program.Render,
	}
	if err := p.run(ctx); err != nil {
		fmt.Fprintf(errs, "%s: %v\n", program.Name, err)
		return 1
	}
	return 0
}

// collectAt lets garbage grow to this share of what is live before it is collected, in
// percent: as much as a thousand secrets of 1 KiB leave room for within 20 MB. What lives is
// small, so that less would have a busy agent collect all the time: at 50 it took a quarter
// of its processor time.
const collectAt = 150

// tuneMemory sets collectAt, unless GOGC says otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// version is the module's version, as go build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
