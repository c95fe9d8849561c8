// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package iam serves AWS IAM as far as secrets need it: users, groups, roles, access
// keys, policies and identity providers, over the identity directory.
package iam

import (
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Service is IAM over a directory. It is for concurrent use.
type Service struct {
	directory *identity.Directory
}

// Bind binds IAM's operations to the gate.
func Bind(g *gate.Gate, d *identity.Directory) {
	s := &Service{d}
	g.Guard(iam.Service, identity.GuardIAM)
	s.bindUsers(g)
	s.bindGroups(g)
	s.bindMembers(g)
	s.bindAccessKeys(g)
	s.bindRoles(g)
	s.bindPolicies(g)
	s.bindVersions(g)
	s.bindInline(g)
	s.bindAttachments(g)
	s.bindBoundaries(g)
	s.bindSimulators(g)
	s.bindProviders(g)
	s.bindTags(g)
	s.bindAccount(g)
	s.bindAbsent(g)
	s.bindDetails(g)
}
