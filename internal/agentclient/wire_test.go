// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agentclient_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/agentclient"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const role = "arn:aws:iam::123456789012:role/reader"

// store answers as the role that it is asked as.
type store struct{ agent.Store }

func (store) Get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	return cache.Answer{Status: cache.Stale, Age: time.Minute, Value: cache.Value{
		ARN: ref.Role, Name: ref.ID, VersionID: "v1", Stages: []string{"AWSCURRENT"},
		Text: secret.FromString("s3cret"), Created: time.UnixMilli(1569534789046),
	}}, nil
}

func TestBothContractsAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, contract := range []agent.Contract{agent.ExtensionContract, agent.AgentContract} {
		t.Run(string(contract), func(t *testing.T) {
			t.Parallel()
			a, err := agent.New(agent.Config{Store: store{}, Contract: contract, Tokens: []secret.Value{secret.FromString("t")}})
			if err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewServer(a)
			defer srv.Close()
			c, err := agentclient.New(srv.URL, "t")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got, err := c.Get(t.Context(), cache.Ref{ID: "prod/db", Role: role})
			if err != nil {
				t.Fatal(err)
			}
			if got.Text.RevealString() != "s3cret" || got.Name != "prod/db" || got.ARN != role || got.VersionID != "v1" ||
				got.Created.UnixMilli() != 1569534789046 || got.Status != cache.Stale || got.Age != time.Minute || len(got.Stages) != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}
