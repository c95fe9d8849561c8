// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/limits"
)

// throttled makes a world with AWS's rates, of which CreateAlias has five a second.
func throttled(t *testing.T) *world {
	t.Helper()
	rates, err := limits.NewThroughput(limits.LevelAWS)
	if err != nil {
		t.Fatal(err)
	}
	w := newLimited(t, nil, limits.Limits{Throughput: rates})
	gate.Write(w.Gate, kms.CreateAlias, gate.Row[kms.CreateAliasInput]{
		Access: gate.AccessWrite, Targets: gate.Everything[kms.CreateAliasInput],
	}, func(_ context.Context, tx kv.Tx, _ *gate.Call, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
		return &kms.CreateAliasOutput{}, tx.Put(*in.AliasName, nil)
	})
	return w
}

const alias = `{"AliasName":"alias/a","TargetKeyId":"k"}`

// A call too many is refused after its signature was found to be good and before anything
// else is looked at, and recorded.
func TestACallTooManyIsRefused(t *testing.T) {
	t.Parallel()
	w := throttled(t)
	now := start
	w.now = func() time.Time { return now }
	for range 5 {
		if got := w.call("TrentService.CreateAlias", alias); got.Status != 200 {
			t.Fatalf("answered %+v", got)
		}
	}
	for _, body := range []string{alias, `{"AliasName":1}`} {
		got := w.call("TrentService.CreateAlias", body)
		if got.Status != 400 || got.Code != "ThrottlingException" || got.Message != "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls." {
			t.Errorf("%s was answered %+v", body, got)
		}
	}
	req := w.request("TrentService.CreateAlias", alias)
	req.Header.Set("X-Amz-Date", "20260314T092654Z")
	if got := w.do(req); got.Code != "InvalidSignatureException" {
		t.Errorf("a wrong signature was answered %+v", got)
	}
	now = now.Add(time.Second)
	if got := w.call("TrentService.CreateAlias", `{}`); got.Code != "ValidationException" {
		t.Errorf("a second later: %+v", got)
	}
	records := w.records()
	if len(records) != 9 || records[5].ErrorCode != "ThrottlingException" || records[5].EventName != "CreateAlias" ||
		records[5].UserIdentity.AccountID != account || len(records[5].Resources) != 0 {
		t.Errorf("recorded %s", show(records))
	}
}

// Who has no key uses up nothing of anybody's.
func TestStrangersAreNotCounted(t *testing.T) {
	t.Parallel()
	w := throttled(t)
	for range 20 {
		req := w.request("TrentService.CreateAlias", alias)
		req.Header.Set("X-Amz-Date", "20260314T092654Z")
		w.do(req)
	}
	if got := w.call("TrentService.CreateAlias", alias); got.Status != 200 {
		t.Errorf("answered %+v", got)
	}
}
