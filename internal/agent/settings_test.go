// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	five := cache.Policy{TTL: 5 * time.Minute}
	base := func(change func(*agent.Settings)) agent.Settings {
		s := agent.Settings{Port: 2773, Secrets: five, Parameters: five, MaxItems: 1000, MaxConns: 3, Contract: "extension", Prefix: "/v1/", Budget: 50}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		env      map[string]string
		want     agent.Settings
		warnings int
	}{
		"nothing": {nil, base(func(*agent.Settings) {}), 0},
		"the AWS extension's": {map[string]string{
			"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "4000", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "10",
			"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": "7", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG",
			"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "TRUE", "SECRETS_MANAGER_TTL": "60", "SSM_PARAMETER_STORE_TTL": "30",
			"SECRETS_MANAGER_TIMEOUT_MILLIS": "1500", "SSM_PARAMETER_STORE_TIMEOUT_MILLIS": "0",
		}, base(func(s *agent.Settings) {
			s.Port, s.MaxItems, s.MaxConns, s.Level = 4000, 10, 7, slog.LevelDebug
			s.Secrets = cache.Policy{TTL: time.Minute, Timeout: 1500 * time.Millisecond}
			s.Parameters = cache.Policy{TTL: 30 * time.Second, Timeout: -1}
		}), 0},
		"limits": {map[string]string{
			"SECRETS_MANAGER_TTL": "301", "SSM_PARAMETER_STORE_TTL": "-1",
			"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "1001", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "70000",
			"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": "0", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "loud",
			"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "yes", "COFFER_STALE": "soon",
		}, base(func(s *agent.Settings) { s.Port = 65535 }), 8},
		"no cache": {map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "False"}, base(func(s *agent.Settings) {
			s.Secrets.Bypass, s.Parameters.Bypass = true, true
		}), 0},
		"a cache of nothing": {map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "0"}, base(func(s *agent.Settings) {
			s.MaxItems, s.Secrets.Bypass, s.Parameters.Bypass = 0, true, true
		}), 0},
		"no TTL": {map[string]string{"SECRETS_MANAGER_TTL": "0"}, base(func(s *agent.Settings) {
			s.Secrets = cache.Policy{Bypass: true}
		}), 0},
		"silence": {map[string]string{"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "None"}, base(func(s *agent.Settings) { s.Quiet = true }), 0},
		"Coffer's own": {map[string]string{
			"COFFER_SECRETS_TTL": "45m", "SECRETS_MANAGER_TTL": "10", "COFFER_PARAMETERS_TTL": "48h", "COFFER_STALE": "0s",
		}, base(func(s *agent.Settings) {
			s.Secrets, s.Parameters = cache.Policy{TTL: 45 * time.Minute, Stale: -1}, cache.Policy{TTL: 24 * time.Hour, Stale: -1}
		}), 1},
		"how it answers": {map[string]string{
			"COFFER_CONTRACT": "Agent", "COFFER_PATH_PREFIX": "/secrets/", "COFFER_REQUEST_BUDGET": "0", "COFFER_SOCKET": "/run/x.sock", "COFFER_METRICS": "open",
		}, base(func(s *agent.Settings) {
			s.Contract, s.Prefix, s.Budget, s.Socket, s.OpenMetrics = agent.AgentContract, "/secrets/", 0, "/run/x.sock", true
		}), 0},
		"how it can't answer": {map[string]string{
			"COFFER_CONTRACT": "vault", "COFFER_PATH_PREFIX": "secrets/", "COFFER_REQUEST_BUDGET": "-1", "COFFER_METRICS": "closed",
		}, base(func(*agent.Settings) {}), 4},
		"prefetch": {map[string]string{"COFFER_PREFETCH": " prod/db, /p ,ssm:q,secretsmanager:/s,,vault:db#user,not one,arn:aws:ssm:eu-west-1:123456789012:parameter/r," + arn}, base(func(s *agent.Settings) {
			parameter := func(id string) cache.Ref { return cache.Ref{Kind: cache.Parameter, ID: id, Decrypt: true} }
			s.Prefetch = []cache.Ref{
				{ID: "prod/db"},
				parameter("/p"), parameter("q"),
				{ID: "/s"},
				{ID: "vault:db"},
				parameter("arn:aws:ssm:eu-west-1:123456789012:parameter/r"),
				{ID: arn},
			}
		}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := agent.SettingsFrom(func(n string) string { return c.env[n] })
			if len(got.Warnings) != c.warnings {
				t.Errorf("%d warnings: %q", len(got.Warnings), got.Warnings)
			}
			got.Warnings = nil
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrefetchIsBounded(t *testing.T) {
	t.Parallel()
	got := agent.SettingsFrom(func(n string) string {
		if n == "COFFER_PREFETCH" {
			return strings.Repeat("x,", 1000)
		}
		return ""
	})
	if len(got.Prefetch) != 100 {
		t.Errorf("%d", len(got.Prefetch))
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(" four\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"AWS_TOKEN": "zero", "AWS_SESSION_TOKEN": "one", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "file://" + file, "COFFER_AGENT_TOKEN": "three", "COFFER_AGENT_TOKEN_FILE": file,
	}
	got, err := agent.TokensFrom(func(n string) string { return env[n] })
	if err != nil {
		t.Fatal(err)
	}
	var plain []string
	for _, v := range got {
		plain = append(plain, v.RevealString())
	}
	if diff := cmp.Diff([]string{"zero", "one", "four", "three", "four"}, plain); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"/does/not/exist", os.DevNull} {
		env["COFFER_AGENT_TOKEN_FILE"] = bad
		if others, err := agent.TokensFrom(func(n string) string { return env[n] }); err == nil || len(others) != 4 {
			t.Errorf("%s: %v and %d other tokens", bad, err, len(others))
		}
	}
}
