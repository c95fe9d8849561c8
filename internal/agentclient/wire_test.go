// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agentclient_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
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

// TestASocketIsAskedAsAPortIs: the agent itself is at the other end.
func TestASocketIsAskedAsAPortIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := agent.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	served, err := agent.New(agent.Config{Store: store{}, Tokens: []secret.Value{secret.FromString("t")}})
	if err != nil {
		t.Fatal(err)
	}
	s := agent.Serve(l, served, slog.New(slog.DiscardHandler))
	defer s.Stop(t.Context())
	for address, held := range map[string]bool{"unix:" + path: true, "unix://" + path: true, "unix:s": false, "unix://host" + path: false, "unix:": false} {
		c, err := agentclient.New(address, "t")
		if err != nil || !held {
			if held == (err != nil) {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if got, err := c.Get(t.Context(), cache.Ref{ID: "db"}); err != nil {
			t.Errorf("%s: %v, %v", address, got, err)
		}
		c.Close()
	}
}
