// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package vault holds the Vault source, the proxy and the files to a real server, which is
// started in the test's own process. It is a module of its own: its dependencies are many.
package vault
