// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command coffer-agent is coffer-extension for daemons, where size is no matter: it also
// renders templates. See internal/extension and internal/templates.
package main

import (
	"os"

	"github.com/coffer-secrets/coffer/internal/extension"
	"github.com/coffer-secrets/coffer/internal/templates"
)

func main() {
	agent := extension.Program{Name: "coffer-agent", Render: templates.Render}
	os.Exit(agent.Main(os.Args, os.Stdout, os.Stderr))
}
