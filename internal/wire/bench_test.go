// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func BenchmarkDecodeGetSecretValue(b *testing.B) {
	body := []byte(`{"SecretId":"prod/db","VersionStage":"AWSCURRENT"}`)
	req := httptest.NewRequest("POST", "/", nil)
	req.Header.Set("X-Amz-Target", secretsmanager.GetSecretValue.Target())
	b.ReportAllocs()
	for b.Loop() {
		r, err := all.Identify(req, body)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Decode(new(secretsmanager.GetSecretValueInput)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeGetSecretValue(b *testing.B) {
	out := &secretsmanager.GetSecretValueOutput{
		ARN:           new("arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-AbCdEf"),
		Name:          new("prod/db"),
		VersionId:     new("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"),
		SecretString:  secret.NewText(`{"username":"app","password":"` + strings.Repeat("x", 200) + `"}`),
		VersionStages: []string{"AWSCURRENT"},
		CreatedDate:   new(api.Time{}),
	}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = api.AppendJSON(buf[:0], out)
	}
}
