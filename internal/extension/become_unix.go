// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package extension

import "syscall"

// become makes the process another one, which keeps its id, its parent and its signals.
// It returns only if that fails.
func become(path string, args, env []string) (int, error) { return 0, syscall.Exec(path, args, env) }
