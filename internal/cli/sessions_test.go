// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/oidc/device"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// answersUntil is an STS that says that its sessions end so long from now.
func answersUntil(t *testing.T, end time.Duration) *issuerLogin {
	t.Helper()
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials>
<AssumedRoleUser><Arn>%s</Arn></AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
			time.Now().Add(end).UTC().Format(time.RFC3339), req.FormValue("DurationSeconds"))
	}))
	t.Cleanup(sts.Close)
	return &issuerLogin{Endpoint: sts.URL, Region: "us-east-1", Role: "arn:aws:iam::000000000000:role/r", Duration: "30m"}
}

func TestASessionEndsByTheClockThatIsAskedForIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ server, want time.Duration }{
		"clocks agree":                 {30 * time.Minute, 30 * time.Minute},
		"the server's clock is early":  {5 * time.Hour, 30 * time.Minute},
		"the server's clock is late":   {20 * time.Minute, 20 * time.Minute},
		"it seems to have ended":       {-time.Hour, -time.Hour},
		"the server gives less of one": {15 * time.Minute, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, asked, err := answersUntil(t, c.server).assume(t.Context(), &device.Tokens{ID: secret.FromString("token")})
			if err != nil || asked != "1800" {
				t.Fatalf("%s, %v", asked, err)
			}
			// The test itself may take up to a minute; what it tells apart is farther away.
			if off := time.Until(s.expires) - c.want; off > time.Second || off < -time.Minute {
				t.Errorf("it ends in %v, want %v", time.Until(s.expires), c.want)
			}
		})
	}
}

func TestHowMuchOfASessionIsLeft(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for end, want := range map[time.Duration]time.Duration{
		time.Hour: time.Hour, 0: 0, -time.Hour: 0, 12 * time.Hour: 12 * time.Hour, 12*time.Hour + 1: 0,
	} {
		if got := (&session{expires: now.Add(end)}).left(now); got != want {
			t.Errorf("of one that ends in %v: %v", end, got)
		}
	}
}

func TestSessionsAreNamedByWhatTheTokenCallsThePerson(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New(t)
	now := time.Now().Unix()
	for want, claims := range map[string]map[string]any{
		"ada@example.com":       {"sub": "u-1", "email": "ada@example.com", "preferred_username": "ada"},
		"ada":                   {"sub": "u-1", "preferred_username": "ada"},
		"auth0-u-1":             {"sub": "auth0|u-1"},
		"a-b":                   {"sub": "a / \u00e9 b"},
		strings.Repeat("x", 64): {"sub": strings.Repeat("x", 99)},
		"coffer":                {"sub": "x"},
	} {
		claims["aud"], claims["iat"], claims["exp"] = "coffer-cli", now, now+60
		if got := sessionName(secret.FromString(issuer.Token(claims))); got != want {
			t.Errorf("%v is called %q", claims, got)
		}
	}
	if got := sessionName(secret.FromString("none")); got != "coffer" {
		t.Errorf("a token that can't be read is of %q", got)
	}
}

func TestFilesThatAreNoSessions(t *testing.T) {
	t.Parallel()
	dir := sessions(t.TempDir())
	whole := &session{credentials: sigv4.Credentials{AccessKeyID: "ASIA", SecretAccessKey: secret.FromString("s")}, refresh: secret.FromString("r")}
	if err := errors.Join(dir.write("good", whole), dir.write("big", &session{refresh: secret.FromString(strings.Repeat("r", maxSessionFile))})); err != nil {
		t.Fatal(err)
	}
	got, err := dir.read("good")
	if err != nil || got.credentials.AccessKeyID != "ASIA" || !got.refresh.Equal(whole.refresh) {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := errors.Join(
		os.Rename(dir.file("good"), dir.file("renamed")), os.Mkdir(dir.file("directory"), 0o700),
		syscall.Mkfifo(dir.file("fifo"), 0o600), os.WriteFile(dir.file("empty"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for _, profile := range []string{"good", "renamed", "big", "directory", "fifo", "empty"} {
		if _, err := dir.read(profile); err == nil {
			t.Errorf("%s is a session", profile)
		}
	}
}

func TestWhoWaitsForTheLockCanBeInterrupted(t *testing.T) {
	t.Parallel()
	dir := sessions(t.TempDir())
	unlock, err := dir.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted)
	if _, err := dir.lock(ctx); !errors.Is(err, interrupted) {
		t.Errorf("%v", err)
	}
	unlock()
	if unlock, err = dir.lock(ctx); err != nil {
		t.Fatalf("a lock that nobody has: %v", err)
	}
	unlock()
	if names, err := filepath.Glob(filepath.Join(string(dir), "*")); err != nil || len(names) > 0 {
		t.Errorf("a lock leaves %v", names)
	}
}
