// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files

import "time"

// SetTimeout bounds how long a command may run.
func SetTimeout(c *Command, d time.Duration) { c.timeout = d }
