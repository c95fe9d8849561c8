// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdasecrets

import "time"

// Clock gives tests the clock that fetches after failed authentications go by.
func Clock(now func() time.Time) Option { return func(cfg *config) { cfg.now = now } }

// Serve is what Start does in Lambda.
var Serve = serve
