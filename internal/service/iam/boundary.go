// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// bindBoundaries binds the operations on permissions boundaries.
func (s *Service) bindBoundaries(g *gate.Gate) {
	b := binder{g, s}
	changes(b, of(iam.PutUserPermissionsBoundary, userNoun, func(in *iam.PutUserPermissionsBoundaryInput) request {
		return request{holder: in.UserName, boundary: in.PermissionsBoundary}
	}), (*Service).putBoundary)
	changes(b, of(iam.PutRolePermissionsBoundary, roleNoun, func(in *iam.PutRolePermissionsBoundaryInput) request {
		return request{holder: in.RoleName, boundary: in.PermissionsBoundary}
	}), (*Service).putBoundary)
	changes(b, of(iam.DeleteUserPermissionsBoundary, userNoun, func(in *iam.DeleteUserPermissionsBoundaryInput) request {
		return request{holder: in.UserName}
	}), (*Service).deleteBoundary)
	changes(b, of(iam.DeleteRolePermissionsBoundary, roleNoun, func(in *iam.DeleteRolePermissionsBoundaryInput) request {
		return request{holder: in.RoleName}
	}), (*Service).deleteBoundary)
}

func (s *Service) putBoundary(r kv.Reader, call *gate.Call, h *holder, req request) error {
	h.boundary = *req.boundary
	return s.checkBoundary(r, call, req.boundary)
}

// deleteBoundary leaves a holder that has none as it is.
func (s *Service) deleteBoundary(_ kv.Reader, _ *gate.Call, h *holder, _ request) error {
	h.boundary = ""
	return nil
}
