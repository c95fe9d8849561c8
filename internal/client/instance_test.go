// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
)

// metadata is the metadata service of an EC2 instance.
type metadata struct {
	role   string
	down   atomic.Bool
	asked  atomic.Int64
	given  atomic.Int64
	expiry string
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.asked.Add(1)
	const roles = "/latest/meta-data/iam/security-credentials/"
	switch {
	case m.down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "60":
		fmt.Fprint(w, "session==")
	case r.Method != http.MethodGet || r.Header.Get("X-Aws-Ec2-Metadata-Token") != "session==":
		w.WriteHeader(http.StatusUnauthorized)
	case m.role == "":
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Path == roles:
		fmt.Fprint(w, m.role)
	case r.URL.Path == roles+m.role:
		fmt.Fprintf(w, `{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIA%d",`+
			`"SecretAccessKey":"s","Token":"t","Expiration":%q}`, m.given.Add(1), m.expiry)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func instance(t *testing.T, m *metadata, now func() time.Time, more ...string) client.Provider {
	t.Helper()
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	p, err := client.FromEnvironment(env(append(more, "AWS_REGION", "eu-west-1", "AWS_EC2_METADATA_SERVICE_ENDPOINT", srv.URL+"/")...), now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestInstanceCredentials(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &metadata{role: "web", expiry: "2026-01-01T06:00:00Z"}
	p := instance(t, m, func() time.Time { return now })
	for i, step := range []struct {
		after time.Duration
		down  bool
		want  string
	}{{0, false, "ASIA1"}, {5 * time.Hour, true, "ASIA1"}, {56 * time.Minute, true, "ASIA1"}, {time.Minute, false, "ASIA2"}} {
		now = now.Add(step.after)
		m.down.Store(step.down)
		if c, err := p.Retrieve(t.Context()); err != nil || c.AccessKeyID != step.want || c.SessionToken != "t" {
			t.Errorf("step %d: %s, %v; want %s", i, c.AccessKeyID, err, step.want)
		}
	}
	now = now.Add(time.Hour)
	m.down.Store(true)
	if _, err := p.Retrieve(t.Context()); !client.Unavailable(err) {
		t.Errorf("expired, and the service is down: %v", err)
	}
}

func TestAHostThatIsNoInstanceIsAskedSeldom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &metadata{}
	p := instance(t, m, func() time.Time { return now })
	for range 3 {
		if _, err := p.Retrieve(t.Context()); !errors.Is(err, client.ErrNoCredentials) || client.Unavailable(err) {
			t.Errorf("%v", err)
		}
	}
	if n := m.asked.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
	now = now.Add(16 * time.Second)
	m.role, m.expiry = "web", "2026-01-01T06:00:00Z"
	if c, err := p.Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIA1" {
		t.Errorf("%s, %v", c.AccessKeyID, err)
	}
}

func TestWhereInstancesAreNotAsked(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{
		"switched off":      {"AWS_EC2_METADATA_DISABLED", "true"},
		"in Lambda":         {"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"},
		"a Coffer server":   {"COFFER_ENDPOINT", "https://coffer.example"},
		"a function's name": {"AWS_LAMBDA_FUNCTION_NAME", "f"},
	} {
		m := &metadata{role: "web", expiry: "2026-01-01T06:00:00Z"}
		if _, err := instance(t, m, time.Now, more...).Retrieve(t.Context()); !errors.Is(err, client.ErrNoCredentials) || m.asked.Load() != 0 {
			t.Errorf("%s: %v after %d requests", name, err, m.asked.Load())
		}
	}
	m := &metadata{role: "web"}
	p := instance(t, m, time.Now, "AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "s")
	if c, err := p.Retrieve(t.Context()); err != nil || c.AccessKeyID != "AKID" || m.asked.Load() != 0 {
		t.Errorf("static credentials come first: %s, %v", c.AccessKeyID, err)
	}
	if _, err := client.FromEnvironment(env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "nonsense"), time.Now); err == nil || !strings.Contains(err.Error(), "AWS_EC2_METADATA_SERVICE_ENDPOINT") {
		t.Errorf("an endpoint that is none: %v", err)
	}
}
