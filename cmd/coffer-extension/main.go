// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command coffer-extension brings secrets and parameters to a Lambda function, or to
// the processes beside it. See internal/extension.
//
// It is built with the tag nethttpomithttp2: both its sides speak HTTP/1.1, and net/http's
// HTTP/2 would be 8 % of what every cold start loads.
package main

import (
	"os"

	"github.com/coffer-secrets/coffer/internal/extension"
)

func main() { os.Exit(extension.Main(os.Args, os.Stdout, os.Stderr)) }
