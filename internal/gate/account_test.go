// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

const elsewhere = "999999999999"

// bindElsewhere binds a read of a secret of another account, which has this policy, and
// uses a key there.
func bindElsewhere(t *testing.T, w *world, resourcePolicy string) {
	t.Helper()
	row := gate.Row[getIn]{Access: gate.AccessRead, Targets: gate.One(func(_ context.Context, _ kv.Reader, call *gate.Call, in *getIn) (gate.Target, error) {
		target := gate.Target{ARN: call.InAccount(elsewhere).ARN("secretsmanager", "secret:"+*in.SecretId), Type: "AWS::SecretsManager::Secret"}
		if resourcePolicy == "" {
			return target, nil
		}
		p, err := policy.Parse([]byte(resourcePolicy), policy.KindResource)
		target.Policy = &policy.Attached{Name: "resource", Policy: p}
		return target, err
	})}
	gate.Read(w.Gate, secretsmanager.GetSecretValue, row, func(ctx context.Context, r kv.Reader, call *gate.Call, _ *getIn) (*getOut, error) {
		there := call.InAccount(elsewhere)
		if there.Account != elsewhere || there.Principal != call.Principal || call.Account != account || call.InAccount(account) != call {
			t.Errorf("there the call is %+v", there)
		}
		_, err := gate.Invoke(ctx, there, r, kms.DescribeKey, &kms.DescribeKeyInput{KeyId: new("k")})
		return &getOut{}, err
	})
	key := gate.Row[kms.DescribeKeyInput]{Access: gate.AccessRead, Targets: gate.One(func(_ context.Context, _ kv.Reader, call *gate.Call, in *kms.DescribeKeyInput) (gate.Target, error) {
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"kms:*","Resource":"*",
			"Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.${aws:RequestedRegion}.amazonaws.com","aws:PrincipalAccount":"`+account+`","aws:ResourceAccount":"`+elsewhere+`"}}}}`), policy.KindResource)
		return gate.Target{ARN: call.ARN("kms", "key/"+*in.KeyId), Policy: &policy.Attached{Policy: p}}, err
	})}
	gate.Read(w.Gate, kms.DescribeKey, key, func(_ context.Context, _ kv.Reader, call *gate.Call, _ *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		return &kms.DescribeKeyOutput{}, nil
	})
}

// TestAnotherAccountsResource holds that a target with another account's ARN is decided
// across accounts, whoever calls and whatever the target's row says else.
func TestAnotherAccountsResource(t *testing.T) {
	t.Parallel()
	const (
		allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
		letIn    = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	)
	for name, c := range map[string]struct {
		resource string
		identity []string // nil for the root
		refusal  string   // the end of the message
	}{
		"root, let in":         {letIn, nil, ""},
		"root, not let in":     {"", nil, "because no resource-based policy allows the secretsmanager:GetSecretValue action"},
		"both sides allow":     {letIn, []string{allowAll}, ""},
		"only the caller's":    {"", []string{allowAll}, "because no resource-based policy allows the secretsmanager:GetSecretValue action"},
		"only the resource's":  {letIn, []string{}, "because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		"another account's":    {strings.ReplaceAll(letIn, account, elsewhere), []string{allowAll}, "because no resource-based policy allows the secretsmanager:GetSecretValue action"},
		"denied by the policy": {strings.ReplaceAll(letIn, `"Allow"`, `"Deny"`), []string{allowAll}, "with an explicit deny in a resource-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			bindElsewhere(t, w, c.resource)
			if c.identity != nil {
				w.directory.as(t, c.identity...)
			}
			got := w.call(get, `{"SecretId":"a"}`)
			if (c.refusal == "") != (got.Status == 200) || !strings.HasSuffix(got.Message, c.refusal) {
				t.Fatalf("answered %+v", got)
			}
			records := w.records()
			outer := records[len(records)-1]
			if outer.RecipientAccountID != account || len(outer.Resources) != 1 || outer.Resources[0].AccountID != elsewhere {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}
