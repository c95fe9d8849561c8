// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command packaging makes what a release consists of: static programs for both
// architectures, Lambda layers, a bill of materials for each program, and checksums.
//
// Two runs over the same source with the same Go make the same bytes, wherever the
// source lies: paths are trimmed, and archives have no times and no owners.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := release{programs: []string{"coffer", "coffer-agent", extension}, say: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	var arches string
	flag.StringVar(&r.source, "source", ".", "the module's root")
	flag.StringVar(&r.out, "out", "dist", "the directory to make, or to fill anew")
	flag.StringVar(&arches, "arch", "amd64,arm64", "architectures")
	flag.BoolVar(&r.stamp, "stamp", true, "note the commit in the programs; needs a git checkout")
	flag.Parse()
	r.arches = strings.Split(arches, ",")
	if err := r.make(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}
