// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server with KMS only, and returns it with a client of the root's.
func serve(tb testing.TB) (*servicetest.Server, *awskms.Client) {
	tb.Helper()
	s := servicetest.New(tb, func(g *gate.Gate) { kms.Bind(g) })
	return s, awskms.NewFromConfig(s.Config(s.Root))
}

func TestSmoke(t *testing.T) {
	_, c := serve(t)
	out, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := out.KeyMetadata.KeyId
	if _, err := c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: new("alias/x"), TargetKeyId: id}); err != nil {
		t.Fatal(err)
	}
	d, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new("alias/x")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", d.KeyMetadata)
	l, err := c.ListAliases(t.Context(), &awskms.ListAliasesInput{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", l)
	e, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: e.CiphertextBlob}); err != nil {
		t.Fatal(err)
	}
}
