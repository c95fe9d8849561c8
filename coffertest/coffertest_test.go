// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest_test

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeeds(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t,
		coffertest.Secret("text", "correct-horse"), coffertest.Binary("binary", []byte{0, 1, 0xff}),
		coffertest.Parameter("/plain", "a"), coffertest.SecureParameter("/secure", "b"))
	c := srv.Client()
	get := func(id string) (string, error) { return c.Get(t.Context(), id) }
	parameter := func(name string) (string, error) { return c.Parameter(t.Context(), name) }
	for id, test := range map[string]struct {
		get  func(string) (string, error)
		want string
	}{
		"text": {get, "correct-horse"}, "binary": {get, "\x00\x01\xff"}, "/plain": {parameter, "a"}, "/secure": {parameter, "b"},
	} {
		if got, err := test.get(id); err != nil || got != test.want {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
	calls := srv.Calls()
	if slices.Sort(calls); strings.Join(calls, " ") != "GetParameter GetParameter GetSecretValue GetSecretValue" {
		t.Errorf("calls %v: the seeds' own are not to be among them", calls)
	}
}

func TestServersAreApart(t *testing.T) {
	t.Parallel()
	a, b := coffertest.NewServer(t, coffertest.Secret("s", "a")), coffertest.NewServer(t, coffertest.Secret("s", "b"))
	if got, err := b.Client().Get(t.Context(), "s"); err != nil || got != "b" {
		t.Errorf("%q, %v", got, err)
	}
	cfg := b.Config()
	cfg.Endpoint = a.URL
	c := coffer.New(cfg)
	defer c.Close()
	if _, err := c.Get(t.Context(), "s"); err == nil {
		t.Error("the credentials of one open another")
	}
}

func TestSettingAgainMakesVersions(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "one"), coffertest.SecureParameter("/p", "one"))
	id := srv.SetSecret("s", "two")
	srv.SetParameter("/p", "two")
	c := srv.Client()
	s, err := c.Secret(t.Context(), "s")
	if err != nil || s.Text() != "two" || s.VersionID != id {
		t.Errorf("%v, %v", s, err)
	}
	if got, err := c.Get(t.Context(), "s", coffer.VersionStage("AWSPREVIOUS")); err != nil || got != "one" {
		t.Errorf("before: %q, %v", got, err)
	}
	if got, err := c.Parameter(t.Context(), "/p", coffer.VersionID("2")); err != nil || got != "two" {
		t.Errorf("parameter: %q, %v", got, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "v"))
	cfg := srv.Config()
	cfg.TTL = -1
	c := coffer.New(cfg)
	defer c.Close()
	for range 2 {
		srv.FailNext(1, "AccessDeniedException")
		if _, err := c.Get(t.Context(), "s"); !errors.Is(err, coffer.ErrAccessDenied) {
			t.Errorf("%v", err)
		}
		if got, err := c.Get(t.Context(), "s"); err != nil || got != "v" {
			t.Errorf("after the faults: %q, %v", got, err)
		}
	}
	srv.Outage(true)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Get(ctx, "s"); !errors.Is(err, coffer.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	cancel()
	srv.SetSecret("s", "w") // passes the outage by
	srv.Outage(false)
	if got, err := c.Get(t.Context(), "s"); err != nil || got != "w" {
		t.Errorf("after the outage: %q, %v", got, err)
	}
}

func TestTheClockMoves(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "v"))
	api := sdk(t, srv)
	if _, err := api.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new("s"), RecoveryWindowInDays: new(int64(7))}); err != nil {
		t.Fatal(err)
	}
	srv.Advance(6 * 24 * time.Hour)
	if _, err := api.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("s")}); err != nil {
		t.Errorf("before the end of the window: %v", err)
	}
	srv.Advance(25 * time.Hour)
	if _, err := api.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("s")}); err == nil {
		t.Error("the secret is there after its window")
	}
	if d := time.Until(srv.Now()); d < 168*time.Hour || d > 170*time.Hour {
		t.Errorf("the clock is %v ahead", d)
	}
	cfg := srv.Config()
	getenv := cfg.Getenv
	cfg.Getenv = func(name string) string {
		if name == "AWS_SECRET_ACCESS_KEY" {
			return "wrong"
		}
		return getenv(name)
	}
	c := coffer.New(cfg)
	defer c.Close()
	if _, err := c.Get(t.Context(), "s"); err == nil || errors.Is(err, coffer.ErrNotFound) {
		t.Errorf("a wrong signature passes when the clock is moved: %v", err)
	}
}

// sdk returns AWS's client for the server.
func sdk(t *testing.T, srv *coffertest.Server) *secretsmanager.Client {
	t.Helper()
	cfg := srv.Config()
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &cfg.Endpoint, Region: cfg.Region, Credentials: static(srv), HTTPClient: oneShot(),
	})
}

func TestUsersMayDoWhatTheirPoliciesSay(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "v"), coffertest.Parameter("/p", "v"))
	user := srv.As("reader", coffertest.Allow("secretsmanager:GetSecretValue"))
	c := user.Client()
	if got, err := c.Get(t.Context(), "s"); err != nil || got != "v" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Parameter(t.Context(), "/p"); !errors.Is(err, coffer.ErrAccessDenied) {
		t.Errorf("%v", err)
	}
	if len(srv.Calls()) != 2 {
		t.Errorf("calls %v", srv.Calls())
	}
}

func TestSetenv(t *testing.T) {
	t.Setenv("AWS_PROFILE", "another")
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
	t.Setenv("COFFER_AGENT", "http://127.0.0.1:1")
	before := coffer.Default()
	for _, value := range []string{"one", "two"} {
		t.Run(value, func(t *testing.T) {
			srv := coffertest.NewServer(t, coffertest.Secret("s", value))
			srv.Setenv(t)
			if got, err := coffer.Get(t.Context(), "s"); err != nil || got != value {
				t.Errorf("the default client: %q, %v", got, err)
			}
			cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(oneShot()))
			if err != nil {
				t.Fatal(err)
			}
			out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("s")})
			if err != nil || *out.SecretString != value {
				t.Errorf("the SDK: %v", err)
			}
		})
	}
	if coffer.Default() != before {
		t.Error("the default client is not what it was")
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("AWS_PROFILE", "another")
	srv := coffertest.NewServer(t)
	cmd := exec.CommandContext(t.Context(), "env")
	cmd.Env = srv.Environ()
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "AWS_ENDPOINT_URL="+srv.URL+"\n") || strings.Contains(string(out), "AWS_PROFILE") {
		t.Errorf("%s, %v", out, err)
	}
}
