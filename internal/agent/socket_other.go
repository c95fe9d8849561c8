// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agent

import "net"

// userOf can't tell.
func userOf(*net.UnixConn) int { return noUser }

// setMode leaves the mode to be set later.
func setMode(uintptr, uint32) error { return nil }
