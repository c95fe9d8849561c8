// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// bindNested binds a write that calls a write of KMS, and fails afterwards if its
// secret is named so.
func bindNested(w *world) {
	row := gate.Row[kms.GenerateDataKeyInput]{Access: gate.AccessWrite, Targets: gate.One(
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *kms.GenerateDataKeyInput) (gate.Target, error) {
			return gate.Target{ARN: call.ARN("kms", "key/"+*in.KeyId), Type: "AWS::KMS::Key"}, nil
		})}
	gate.Write(w.Gate, kms.GenerateDataKey, row, func(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
		if call.Prepared() != nil {
			return nil, errors.New("has what the outer call prepared")
		}
		call.Later("used", func(tx kv.Tx) error { return tx.Put("used/"+*in.KeyId, []byte(call.Via)) })
		return &kms.GenerateDataKeyOutput{KeyId: in.KeyId, Plaintext: secret.NewBlob([]byte("hidden"))}, tx.Put("key/"+*in.KeyId, []byte("x"))
	})
	outer := namedPut()
	outer.Prepare = func(context.Context, *gate.Call, *putIn) (any, error) { return "prepared", nil }
	gate.Write(w.Gate, secretsmanager.PutSecretValue, outer, func(ctx context.Context, tx kv.Tx, call *gate.Call, in *putIn) (*putOut, error) {
		_, err := gate.Invoke(ctx, call, tx, kms.GenerateDataKey, &kms.GenerateDataKeyInput{KeyId: new(in.SecretString.RevealString())})
		if err != nil {
			return nil, err
		}
		if *in.SecretId == "fails" {
			return nil, secretsmanager.ResourceExistsException.New("No.")
		}
		return &putOut{}, tx.Put("text/"+*in.SecretId, []byte("x"))
	})
}

// TestNested holds that a nested call is recorded on its own, before the outer one,
// as the caller's by way of the service.
func TestNested(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withUpdate(twice))
	bindNested(w)
	if got := w.call(put, `{"SecretId":"a","SecretString":"k"}`); got.Status != 200 || w.value("text/a") != "x" || w.value("key/k") != "x" {
		t.Errorf("answered %+v", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const via = "secretsmanager." + region + ".amazonaws.com"
	if got := w.value("used/k"); got != via {
		t.Errorf("what the nested call left for later saw Via as %q", got)
	}
	records := w.records()
	if len(records) != 2 {
		t.Fatalf("recorded %s", show(records))
	}
	inner, outer := records[0], records[1]
	if inner.EventSource != "kms.amazonaws.com" || inner.EventName != "GenerateDataKey" || inner.ErrorCode != "" ||
		inner.UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" || inner.SourceIPAddress != "secretsmanager.amazonaws.com" ||
		inner.UserIdentity.ARN != outer.UserIdentity.ARN || len(inner.Resources) != 1 || inner.Resources[0].Type != "AWS::KMS::Key" {
		t.Errorf("the nested call's record is %s", inner.Line)
	}
	if outer.EventName != "PutSecretValue" || outer.UserIdentity.InvokedBy != "" || outer.RequestID != inner.RequestID || outer.EventID == inner.EventID {
		t.Errorf("the outer call's record is %s", outer.Line)
	}
	if all := string(inner.Line) + string(outer.Line); strings.Contains(all, "hidden") || strings.Contains(all, "aGlkZGVu") {
		t.Error("a record has the plaintext")
	}
}

// TestWithdrawnBetweenRuns holds that the run that counts is the one that is recorded.
func TestWithdrawnBetweenRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withUpdate(twice))
	bindNested(w)
	w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
		if look > 3 { // admitted, prepared, and run once
			return nil, nil
		}
		return known, nil
	}
	if got := w.call(put, `{"SecretId":"a","SecretString":"k"}`); got.Code != "UnrecognizedClientException" || count(t, w.store, "") != 0 {
		t.Errorf("answered %+v", got)
	}
	if records := w.records(); len(records) != 1 || records[0].EventName != "PutSecretValue" || records[0].ErrorCode == "" {
		t.Errorf("recorded %s", show(records))
	}
}

// TestNestedFails holds what is kept and recorded when the nested or the outer call
// fails: nothing of either, and both.
func TestNestedFails(t *testing.T) {
	t.Parallel()
	const allowOuter = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}}`
	for name, c := range map[string]struct {
		body, policy string
		answer       string
		inner        string // the nested record's error
	}{
		"the nested call is denied":  {`{"SecretId":"a","SecretString":"k"}`, allowOuter, "AccessDeniedException", "AccessDeniedException"},
		"the nested call is invalid": {`{"SecretId":"a","SecretString":"` + strings.Repeat("k", 2049) + `"}`, "", "ValidationException", "ValidationException"},
		"the outer call fails":       {`{"SecretId":"fails","SecretString":"k"}`, "", "ResourceExistsException", "ResourceExistsException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			bindNested(w)
			if c.policy != "" {
				w.directory.as(t, c.policy)
			}
			got := w.call(put, c.body)
			if got.Code != c.answer {
				t.Errorf("answered %+v", got)
			}
			if c.policy != "" && !strings.Contains(got.Message, "kms:GenerateDataKey on resource: arn:aws:kms:"+region+":"+account+":key/k") {
				t.Errorf("denied with %q", got.Message)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, w.store, ""); n != 0 {
				t.Errorf("%d keys were kept", n)
			}
			records := w.records()
			if len(records) != 2 || records[0].EventName != "GenerateDataKey" || records[0].ErrorCode != c.inner || records[1].ErrorCode != c.answer {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}

// TestNestedMisuse holds that a handler which calls what it can't gets an error, and
// not a wrong effect.
func TestNestedMisuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindNested(w)
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(ctx context.Context, r kv.Reader, call *gate.Call, in *getIn) (*getOut, error) {
		if *in.SecretId == "unbound" {
			_, err := gate.Invoke(ctx, call, r, kms.Decrypt, &kms.DecryptInput{CiphertextBlob: []byte("x")})
			return nil, err
		}
		_, err := gate.Invoke(ctx, call, r, kms.GenerateDataKey, &kms.GenerateDataKeyInput{KeyId: new("k")})
		return nil, err
	})
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 500 {
		t.Errorf("a write within a read: %+v", got)
	}
	if got := w.call(get, `{"SecretId":"unbound"}`); got.Status != 501 {
		t.Errorf("a call that is not bound: %+v", got)
	}
	if records := w.records(); len(records) != 4 || records[2].EventName != "Decrypt" {
		t.Errorf("recorded %s", show(records))
	}
}

// TestPrepare holds that the slow part of a write is done for those who may, once,
// and outside of the transaction.
func TestPrepare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withUpdate(twice))
	prepared := 0
	row := namedPut()
	row.Prepare = func(_ context.Context, _ *gate.Call, in *putIn) (any, error) {
		prepared++
		return "prepared " + *in.SecretId, nil
	}
	gate.Write(w.Gate, secretsmanager.PutSecretValue, row, func(_ context.Context, tx kv.Tx, call *gate.Call, _ *putIn) (*putOut, error) {
		return &putOut{}, tx.Put("text/a", []byte(call.Prepared().(string)))
	})
	if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Status != 200 || prepared != 1 || w.value("text/a") != "prepared a" {
		t.Errorf("answered %+v after preparing %d times", got, prepared)
	}
	w.directory.as(t)
	if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Code != "AccessDeniedException" || prepared != 1 {
		t.Errorf("a stranger was answered %+v after preparing %d times", got, prepared)
	}
	if records := w.records(); len(records) != 2 || records[1].ErrorCode == "" {
		t.Errorf("recorded %s", show(records))
	}
}
