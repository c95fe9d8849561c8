// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPing(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer agent.Close()
	_, port, _ := net.SplitHostPort(agent.Listener.Addr().String())
	getenv := func(name string) string {
		if name == "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT" {
			return port
		}
		return ""
	}
	for _, s := range []struct {
		status, want int
		says         string
	}{{200, 0, ""}, {503, 1, "not ready: the agent answered 503"}} {
		status = s.status
		var errs strings.Builder
		if got := Ping(getenv, &errs); got != s.want || !strings.Contains(errs.String(), s.says) || (s.says == "") != (errs.Len() == 0) {
			t.Errorf("of %d: %d, %q", s.status, got, errs.String())
		}
	}
	agent.Close()
	var errs strings.Builder
	if got := Ping(getenv, &errs); got != 1 || errs.Len() == 0 {
		t.Errorf("of nobody: %d, %q", got, errs.String())
	}
}
