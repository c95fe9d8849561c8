// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package extension

// keepOutOfDumps does what it can, which is nothing where this program is not meant to
// be used in earnest.
func keepOutOfDumps() {}

func hideMemory() {}
