// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command coffer is Coffer's server and command line: coffer help lists what it does.
package main

import (
	"os"

	"github.com/coffer-secrets/coffer/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
