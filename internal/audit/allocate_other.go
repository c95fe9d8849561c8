// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package audit

import "errors"

// allocate reserves blocks beyond a file's end; this system has no call for it.
func allocate(int, int64, int64) error { return errors.ErrUnsupported }
