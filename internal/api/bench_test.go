// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func BenchmarkValidate(b *testing.B) {
	for name, in := range map[string]any{
		"GetSecretValue": &secretsmanager.GetSecretValueInput{SecretId: new("prod/db"), VersionStage: new("AWSCURRENT")},
		"PutParameter":   &ssm.PutParameterInput{Name: new("/prod/api/key"), Value: secret.NewText("x"), Type: new("SecureString"), Tags: []ssm.Tag{{Key: new("team"), Value: new("core")}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := api.Validate(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendAudit(b *testing.B) {
	in := &secretsmanager.GetSecretValueInput{SecretId: new("prod/db"), VersionStage: new("AWSCURRENT")}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = api.AppendAudit(buf[:0], in)
	}
}
