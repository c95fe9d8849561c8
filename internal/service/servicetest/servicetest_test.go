// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package servicetest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bind binds what tells who one is.
func bind(g *gate.Gate, _ *identity.Directory) {
	gate.Read(g, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
			return &sts.GetCallerIdentityOutput{Arn: &call.Principal.ARN}, nil
		})
}

func TestUnboundOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, bind)
	s.Clock.Advance(1000 * time.Hour) // the signature's time is the clock's
	got := s.Post(s.Root, "secretsmanager.GetSecretValue", `{"SecretId":"a"}`)
	if got.Status != 501 || got.Message == "" {
		t.Errorf("got %+v", got)
	}
	if got := s.Post(servicetest.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}, "secretsmanager.GetSecretValue", `{}`); got.Type != "UnrecognizedClientException" {
		t.Errorf("a stranger got %+v", got)
	}
	if got := s.Records(); len(got) != 2 || got[0].EventName != "GetSecretValue" {
		t.Errorf("the log has %+v", got)
	}
}

func TestRestartKeepsKeysAndURL(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, bind)
	user := s.User("ada", servicetest.Allow("*", "sts:*"))
	s.Restart()
	if got := s.Post(user, "secretsmanager."+sts.GetCallerIdentity.Name, `{}`); got.Type != "UnknownOperationException" {
		t.Errorf("got %+v", got)
	}
}

func TestSettleDoesTheJobs(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, bind)
	if _, err := s.Store.Update(context.Background(), func(tx kv.Tx) error {
		if err := tx.Put("x/1", nil); err != nil {
			return err
		}
		return jobs.Erase(tx, s.Clock.Now(), "x/")
	}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	if keys := s.Keys("x/"); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
}
