// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"context"
	"strings"
	"testing"

	kmsapi "github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestManagedKeysThroughTheirService holds what AWS documents of its managed keys:
// whoever may use the service needs no permission of KMS, another service's calls
// don't get in, and a denial counts.
func TestManagedKeysThroughTheirService(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		k := kms.Bind(g, d)
		// Both encrypt under the default key of Parameter Store.
		use := func(ctx context.Context, tx kv.Tx, call *gate.Call) error {
			id, err := k.EnsureManaged(tx, call, kms.AliasSSM)
			if err != nil {
				return err
			}
			sealed, err := gate.Invoke(ctx, call, tx, kmsapi.GenerateDataKey, &kmsapi.GenerateDataKeyInput{KeyId: &id, KeySpec: new("AES_256")})
			if err != nil {
				return err
			}
			_, err = gate.Invoke(ctx, call, tx, kmsapi.Decrypt, &kmsapi.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
			return err
		}
		gate.Write(g, ssm.PutParameter, gate.Row[ssm.PutParameterInput]{Access: gate.AccessWrite, Targets: gate.Everything[ssm.PutParameterInput]},
			func(ctx context.Context, tx kv.Tx, call *gate.Call, _ *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
				return &ssm.PutParameterOutput{}, use(ctx, tx, call)
			})
		gate.Write(g, secretsmanager.CreateSecret, gate.Row[secretsmanager.CreateSecretInput]{Access: gate.AccessWrite, Targets: gate.Everything[secretsmanager.CreateSecretInput]},
			func(ctx context.Context, tx kv.Tx, call *gate.Call, _ *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
				return &secretsmanager.CreateSecretOutput{}, use(ctx, tx, call)
			})
	})
	const put, create = `{"Name":"a","Value":"b"}`, `{"Name":"a"}`
	ada := s.User("ada", servicetest.Allow("*", "ssm:*", "secretsmanager:*"))
	if got := s.Post(ada, "AmazonSSM.PutParameter", put); got.Status != 200 {
		t.Errorf("without a permission of KMS: %+v", got)
	}
	if got := s.Post(ada, "secretsmanager.CreateSecret", create); got.Type != "AccessDeniedException" {
		t.Errorf("through another service: %+v", got)
	}
	eve := s.User("eve", servicetest.Allow("*", "*"))
	if got := s.Post(eve, "secretsmanager.CreateSecret", create); !strings.HasSuffix(got.Message, "because no resource-based policy allows the kms:GenerateDataKey action") {
		t.Errorf("through another service, with all permissions: %+v", got)
	}
	bob := s.User("bob", servicetest.Allow("*", "ssm:*"), servicetest.Deny("*", "kms:Decrypt"))
	if got := s.Post(bob, "AmazonSSM.PutParameter", put); !strings.Contains(got.Message, "kms:Decrypt") || !strings.HasSuffix(got.Message, "with an explicit deny in an identity-based policy") {
		t.Errorf("against a denial: %+v", got)
	}
}
