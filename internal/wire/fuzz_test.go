// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
)

// FuzzJSON holds that no body breaks the decoder, and that what it accepts is JSON
// which means the same when it is written and read again.
func FuzzJSON(f *testing.F) {
	for _, body := range []string{
		`{"SecretId":"a","VersionStage":null}`, `{"Name":"a","Name":"b"}`, `{"Tags":[{"Key":"a"},null],"X":[[{}]]}`,
		`{"EncryptionContext":{"a":"b"},"Plaintext":"AAE="}`, `{"ValidTo":1.7e9}`, `{"MaxResults":5.9}`, `{"Name":"\ud800"}`, "{\"\xff\":1}", `{`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for target, message := range map[string]func() any{
			"secretsmanager.CreateSecret":    func() any { return new(secretsmanager.CreateSecretInput) },
			"AmazonSSM.PutParameter":         func() any { return new(ssm.PutParameterInput) },
			"AmazonSSM.DescribeParameters":   func() any { return new(ssm.DescribeParametersInput) },
			"TrentService.Encrypt":           func() any { return new(kms.EncryptInput) },
			"TrentService.ImportKeyMaterial": func() any { return new(kms.ImportKeyMaterialInput) },
		} {
			in := message()
			if err := jsonRequest(t, target, string(body)).Decode(in); err != nil {
				if err.Code != "SerializationException" {
					t.Fatalf("answered %v", err)
				}
				continue
			}
			if !json.Valid(body) {
				t.Fatalf("accepted what is not JSON: %q", body)
			}
			_ = api.Validate(in)
			_ = api.AppendAudit(nil, in)
			first, again := api.AppendJSON(nil, in), message()
			if err := jsonRequest(t, target, string(first)).Decode(again); err != nil {
				t.Fatalf("%q was written as %q: %v", body, first, err)
			}
			if diff := cmp.Diff(string(first), string(api.AppendJSON(nil, again))); diff != "" {
				t.Fatalf("%q changed (-first +again):\n%s", body, diff)
			}
		}
	})
}

// FuzzIdentify holds that every request is either known or answered an error.
func FuzzIdentify(f *testing.F) {
	f.Add("POST", "/", "TrentService.Encrypt", "application/x-amz-json-1.1", "{}")
	f.Add("POST", "/", "", "application/x-www-form-urlencoded", "Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", "", "")
	f.Fuzz(func(t *testing.T, method, uri, target, contentType, body string) {
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Method = method
		if u, err := req.URL.Parse(uri); err == nil {
			req.URL = u
		}
		if target != "" {
			req.Header["X-Amz-Target"] = []string{target}
		}
		req.Header.Set("Content-Type", contentType)
		r, err := all.Identify(req, []byte(body))
		if err == nil && (r.Service == nil || r.Operation == "") {
			t.Fatal("neither an operation nor an error")
		}
		if err != nil && r.Operation != "" {
			t.Fatalf("the operation %s and an error", r.Operation)
		}
		if err != nil && len(r.AppendError(nil, "id", err)) > 16<<10 {
			t.Fatal("an error is longer than it may be")
		}
	})
}
