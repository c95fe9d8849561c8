// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"cmp"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/iam"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
)

// elsewhere is another account than servicetest.Account.
const elsewhere = "999999999999"

// world is a server with STS, and what tests make of it.
type world struct {
	*servicetest.Server
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		stsservice.Bind(g, d)
		iam.Bind(g, d)
		secretsmanager.Bind(g, kms.Bind(g, d), d, nil)
	}), t}
}

// sts is a client that calls as those credentials.
func (w *world) sts(as servicetest.Credentials) *sts.Client { return sts.NewFromConfig(w.Config(as)) }

// change makes a change of the directory.
func (w *world) change(do func(d *identity.Directory, tx kv.Tx) error) {
	w.t.Helper()
	if _, err := w.Store.Update(w.t.Context(), func(tx kv.Tx) error { return do(w.Directory, tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// role makes a role, or changes it, with a trust policy, and returns its ARN.
func (w *world) role(p identity.Principal, trust string) string {
	w.t.Helper()
	p.Account, p.Kind = cmp.Or(p.Account, servicetest.Account), identity.Role
	w.change(func(d *identity.Directory, tx kv.Tx) error {
		old, err := d.Principals.Get(tx, p.Account, string(p.Kind), p.Name)
		if err != nil {
			return err
		}
		p.ID = identity.NewID(identity.PrefixRole)
		if old != nil {
			p.ID = old.ID
		}
		if trust != "" {
			if err := d.SetTrust(tx, &p, trust); err != nil {
				return err
			}
		}
		return d.Principals.Put(tx, &p, p.Account, string(p.Kind), p.Name)
	})
	return p.ARN()
}

// trusting is a trust policy that lets a principal in.
func trusting(principal string, more ...string) string {
	actions := `"sts:AssumeRole"`
	for _, action := range more {
		actions += `,"` + action + `"`
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":%q},"Action":[%s]}}`, principal, actions)
}

func userARN(name string) string { return "arn:aws:iam::" + servicetest.Account + ":user/" + name }

// assume is a request for a session of a role that is called "s1".
func assume(role string) *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("s1")}
}

// issued are credentials as an answer has them.
func issued(c *types.Credentials) servicetest.Credentials {
	return servicetest.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

// session assumes a role, which must be possible.
func (w *world) session(as servicetest.Credentials, in *sts.AssumeRoleInput) servicetest.Credentials {
	w.t.Helper()
	out, err := w.sts(as).AssumeRole(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return issued(out.Credentials)
}

// wants fails the test unless err is AWS's, with that code and, if it is not empty, that
// message. No code wants no error.
func wants(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != code || message != "" && answer.ErrorMessage() != message {
		t.Errorf("%s: got %v, want %s: %s", what, err, code, message)
	}
}
