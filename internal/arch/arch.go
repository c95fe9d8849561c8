// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package arch is the plan of the house: which packages there are, and in what order
// they stand on one another. Its test holds the code to it.
//
// The order is total: a package may import those above it in this list, and no
// others. A package of the lean tower, which is what the extension and the public
// library link, may import only lean packages, the standard library and
// golang.org/x, because it starts inside of other people's functions.
package arch

// Tower says who a package is for.
type Tower uint8

// The towers.
const (
	// Lean packages stand in the extension and the library, and may stand in the server.
	Lean Tower = iota + 1
	// Server packages stand in the server and the command line.
	Server
	// Test packages are for tests alone: nothing else imports them.
	Test
	// Example packages are programs for users to begin their own from. They import what a
	// user can: of this module, its root alone.
	Example
)

// Package is one row of the plan. Path is relative to the module; "" is its root.
type Package struct {
	Path  string
	Tower Tower
}

// Floor is some neighbours of the plan, with what they have in common.
type Floor struct {
	Name     string
	Packages []Package
}

// Module is the module's path.
const Module = "github.com/coffer-secrets/coffer"

// Floors is the plan, from the ground up.
var Floors = []Floor{
	{"leaves: what AWS and the language of secrets mean", []Package{
		{"internal/secret", Lean},
		{"internal/arn", Lean},
		{"internal/password", Server},
		{"internal/schedule", Server},
		{"internal/api", Lean},
		{"internal/api/kms", Lean},
		{"internal/api/secretsmanager", Lean},
		{"internal/api/ssm", Lean},
		{"internal/api/iam", Lean},
		{"internal/api/sts", Lean},
		{"internal/api/coffer", Lean},
		{"internal/api/apigen", Server},
		{"internal/sigv4", Lean},
		{"internal/policy", Lean},
		{"internal/awsjson", Lean},
		{"internal/awsquery", Lean},
	}},
	{"storage: one contract, several engines", []Package{
		{"internal/kv", Server},
		{"internal/kv/overlay", Server},
		{"internal/kv/feed", Server},
		{"internal/kv/memkv", Server},
		{"internal/kv/kvtest", Test},
		{"internal/kv/boltkv", Server},
	}},
	{"duties: what every call needs done", []Package{
		{"internal/seal", Server},
		{"internal/audit", Server},
		{"internal/record", Server},
		{"internal/jobs", Server},
		{"internal/events", Server},
		{"internal/wire", Server},
		{"internal/usage", Server},
		{"internal/limits", Server},
		{"internal/oidc", Server},
		{"internal/oidc/device", Server},
		{"internal/oidc/oidctest", Test},
		{"internal/awsidentity", Server},
	}},
	{"the gate: the one way in", []Package{
		{"internal/gate", Server},
	}},
	{"services: what each API does", []Package{
		{"internal/service/identity", Server},
		{"internal/service/servicetest", Test},
		{"internal/service/iam", Server},
		{"internal/service/sts", Server},
		{"internal/service/kms", Server},
		{"internal/service/secretsmanager", Server},
		{"internal/service/parameterstore", Server},
		{"internal/service/coffer", Server},
	}},
	{"retrieval: from a source into a function", []Package{
		{"internal/turn", Lean},
		{"internal/client", Lean},
		{"internal/cache", Lean},
		{"internal/source", Lean},
		{"internal/reference", Lean},
		{"internal/environ", Lean},
		{"internal/files", Lean},
		{"internal/source/aws", Lean},
		{"internal/source/sourcetest", Test},
		{"internal/source/doppler", Lean},
		{"internal/source/file", Lean},
		{"internal/source/vault/vaulttest", Test},
		{"internal/source/vault", Lean},
		{"internal/source/fallback", Lean},
		{"internal/vaultproxy", Lean},
		{"internal/agent", Lean},
		{"internal/agentclient", Lean},
		{"internal/lambdaapi", Lean},
		{"", Lean},
		{"lambdasecrets", Lean},
		{"sqlsecrets", Lean},
		{"internal/extension", Lean},
		{"cmd/coffer-extension", Lean},
		{"internal/templates", Server},
		{"cmd/coffer-agent", Server},
	}},
	{"assembly: the server, the host, the command line", []Package{
		{"internal/lambdahost", Server},
		{"internal/functions", Server},
		{"internal/runtimes", Server},
		{"internal/server", Server},
		{"coffertest", Test},
		{"internal/ui", Server},
		{"internal/bench", Server},
		{"internal/invoke", Server},
		{"internal/demo", Server},
		{"internal/demo/function", Server},
		{"internal/cli", Server},
		{"cmd/coffer", Server},
		{"packaging", Server},
		{"internal/testneed", Test},
		{"internal/arch", Test},
		{"test", Test},
		{"test/docs", Test},
		{"test/golden", Test},
	}},
	{"examples: programs to begin one's own from", []Package{
		{"examples/rotation", Example},
	}},
}
