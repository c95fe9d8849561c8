// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// TestRefusalOfANestedCallIsTold holds that a caller who is refused by a service's call to
// another has a message about that one.
func TestRefusalOfANestedCallIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Read(w.Gate, kms.DescribeKey, named(gate.AccessRead, func(in *kms.DescribeKeyInput) *string { return in.KeyId }),
		func(context.Context, kv.Reader, *gate.Call, *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
			return &kms.DescribeKeyOutput{}, nil
		})
	swallow := false
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(ctx context.Context, r kv.Reader, call *gate.Call, in *getIn) (*getOut, error) {
		_, err := gate.Invoke(ctx, call, r, kms.DescribeKey, &kms.DescribeKeyInput{KeyId: new("k")})
		if swallow {
			err = nil
		}
		return &getOut{}, err
	})
	opened := ""
	gate.Read(w.Gate, secretsmanager.DescribeSecret, gate.Row[secretsmanager.DescribeSecretInput]{Access: gate.AccessRead, Open: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
			opened, _ = call.AuthorizationMessage(*in.SecretId)
			return &secretsmanager.DescribeSecretOutput{}, nil
		})
	w.directory.as(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}}`)
	got := w.call(get, `{"SecretId":"a"}`)
	sealed := got.Header.Get(gate.MessageHeader)
	if got.Code != "AccessDeniedException" || sealed == "" {
		t.Fatalf("answered %+v", got)
	}
	w.call("secretsmanager.DescribeSecret", `{"SecretId":"`+sealed+`"}`)
	if !strings.Contains(opened, `"action":"kms:DescribeKey"`) || !strings.Contains(opened, `"explicitDeny":false`) {
		t.Errorf("the message is %s", opened)
	}
	swallow = true
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 200 || got.Header.Get(gate.MessageHeader) != "" {
		t.Errorf("a success after a refusal: %+v", got)
	}
}

// BenchmarkDenial compares a call that is allowed with one that is not, whose policies
// are looked through once more, for the audit log and for the message: ten policies of
// twenty statements.
func BenchmarkDenial(b *testing.B) {
	w := newWorld(b, nil)
	bindSecrets(w)
	var documents []string
	for p := range 10 {
		var statements []string
		for s := range 20 {
			statements = append(statements, fmt.Sprintf(`{"Sid":"S%d","Effect":"Allow","Action":["secretsmanager:Get*","secretsmanager:Describe*"],
				"Resource":"arn:aws:secretsmanager:*:*:secret:team-%d/%d/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, s, p, s))
		}
		documents = append(documents, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
	}
	few := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for name, c := range map[string]struct {
		policies []string
		status   int
	}{
		"not there": {append(documents, few), 400}, // which is decided, and then not found
		"denied":    {documents, 400},
	} {
		b.Run(name, func(b *testing.B) {
			w.directory.as(b, c.policies...)
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				w.ServeHTTP(recorder, w.request(get, `{"SecretId":"none"}`))
				if told := recorder.Header().Get(gate.MessageHeader) != ""; recorder.Code != c.status || told != (name == "denied") {
					b.Fatal(recorder.Code, recorder.Body)
				}
			}
		})
	}
}
