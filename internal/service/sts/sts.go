// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package sts serves AWS STS: who a caller is, and sessions of roles and users. What
// a session is made of is the identity directory's.
package sts

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Service is STS over a directory. It is for concurrent use.
type Service struct {
	directory *identity.Directory
}

// Bind binds STS's operations to the gate.
func Bind(g *gate.Gate, d *identity.Directory) {
	_ = &Service{d}
	g.Guard(sts.Service, identity.GuardSTS)
	gate.Read(g, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true}, getCallerIdentity)
}

// getCallerIdentity needs no permission, and can't be forbidden (STS API
// Reference, GetCallerIdentity).
func getCallerIdentity(_ context.Context, _ kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := call.Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}
