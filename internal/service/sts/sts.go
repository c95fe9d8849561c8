// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package sts serves AWS STS: who a caller is, and sessions of roles and users. What
// a session is made of is the identity directory's.
//
// A role is assumed by its trust policy, which is the policy of the resource that the
// role is, and the only way in: within an account it is enough when it names the caller,
// and when it names the account the caller's own policies decide; from another account it
// takes both. A session has what its role or user has, and never more than the session
// policies that it was made with.
package sts

import (
	"context"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Service is STS over a directory. It is for concurrent use.
type Service struct {
	directory *identity.Directory
}

// Bind binds STS's operations to the gate.
func Bind(g *gate.Gate, d *identity.Directory) {
	s := &Service{d}
	g.Guard(sts.Service, identity.GuardSTS)
	gate.Read(g, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true}, getCallerIdentity)
	s.bindAssumeRole(g)
	s.bindUserSessions(g)
	s.bindDecode(g)
	s.bindAccessKeyInfo(g)
}

// getCallerIdentity needs no permission, and can't be forbidden (STS API
// Reference, GetCallerIdentity).
func getCallerIdentity(_ context.Context, _ kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := call.Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}

// credentials are a session's as answers have them.
func credentials(k *identity.GrantedKey) *sts.Credentials {
	return &sts.Credentials{
		AccessKeyId:     &k.ID,
		SecretAccessKey: secret.Text{Value: k.Secret},
		SessionToken:    secret.Text{Value: k.SessionToken},
		Expiration:      new(api.NewTime(k.Expires.Truncate(time.Second))),
	}
}

// seconds is how long a request asks for a session, or what it means that it does not say.
func seconds(asked *int32, otherwise time.Duration) time.Duration {
	if asked == nil {
		return otherwise
	}
	return time.Duration(*asked) * time.Second
}
