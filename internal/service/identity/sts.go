// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Bind binds STS's operations to the gate.
func Bind(g *gate.Gate) {
	gate.Read(g, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true}, getCallerIdentity)
}

// getCallerIdentity needs no permission, and can't be forbidden (STS API
// Reference, GetCallerIdentity).
func getCallerIdentity(_ context.Context, _ kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := call.Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}
