// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/oidc"
	cofferservice "github.com/coffer-secrets/coffer/internal/service/coffer"
	iamservice "github.com/coffer-secrets/coffer/internal/service/iam"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/parameterstore"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
)

// services are those that the server has.
func services() []*api.Service {
	return []*api.Service{secretsmanager.Service, ssm.Service, kms.Service, iam.Service, sts.Service, coffer.Service}
}

// origins are what services have from elsewhere than the store.
type origins struct {
	oidc      *oidc.Verifier
	logins    cofferservice.Logins
	functions smservice.Invoker // may be nil
}

// bind binds all operations to a gate.
func bind(g *gate.Gate, d *identity.Directory, from origins) {
	iamservice.Bind(g, d)
	stsservice.Bind(g, d)
	stsservice.BindWebIdentity(g, d, from.oidc)
	keys := kmsservice.Bind(g, d)
	smservice.Bind(g, keys, d, from.functions)
	parameterstore.Bind(g, keys, d)
	cofferservice.Bind(g, d)
	cofferservice.BindLogins(g, d, from.logins)
}

// AllOperations lists what a server serves, without one.
func AllOperations() ([]gate.Operation, error) {
	store := memkv.New()
	g, err := gate.New(gate.Config{Store: store}, services()...)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	bind(g, identity.NewDirectory(identity.Options{}), origins{})
	return g.Operations(), errors.Join(g.Close(), store.Close())
}
