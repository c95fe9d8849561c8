// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import "github.com/coffer-secrets/coffer/internal/functions"

// Functions gives tests what runs functions.
func (s *Server) Functions() *functions.Runner { return s.functions }
