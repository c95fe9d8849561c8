// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t, func(c *agent.Config) { c.Budget = 1 }) // 20 at once
		w.get(t, sm+"?secretId=db")
		w.get(t, sm+"?secretId=db")
		w.get(t, "/v1/db?abc=1")
		w.get(t, "/nowhere")
		do(t, w, "GET", sm+"?secretId=x", tokenless)
		w.b.set(func(b *backend) { b.err = api.AccessDeniedException.New("no") })
		for i := range 20 {
			w.get(t, fmt.Sprint(sm, "?secretId=denied", i))
		}
		w.b.set(func(b *backend) { b.err = &cache.Unavailable{Err: errors.New("down")} })
		time.Sleep(cache.DefaultTTL + time.Second)
		w.get(t, batch+"?secretId=db&secretId=db")
		time.Sleep(cache.MaxNegative)
		got := w.get(t, "/metrics")
		want := `# HELP coffer_agent_requests_total Requests by path and status.
# TYPE coffer_agent_requests_total counter
coffer_agent_requests_total{path="/secretsmanager/get",status="200"} 2
coffer_agent_requests_total{path="/secretsmanager/get",status="400"} 19
coffer_agent_requests_total{path="/secretsmanager/get",status="401"} 1
coffer_agent_requests_total{path="/secretsmanager/get",status="429"} 1
coffer_agent_requests_total{path="/coffer/v1/batch",status="200"} 1
coffer_agent_requests_total{path="/v1/{secretId}",status="400"} 1
coffer_agent_requests_total{path="other",status="404"} 1
# HELP coffer_agent_reads_total Values given, by where they came from.
# TYPE coffer_agent_reads_total counter
coffer_agent_reads_total{result="hit"} 1
coffer_agent_reads_total{result="miss"} 1
coffer_agent_reads_total{result="stale"} 2
# HELP coffer_agent_source_calls_total Calls to the sources.
# TYPE coffer_agent_source_calls_total counter
coffer_agent_source_calls_total 21
# HELP coffer_agent_source_errors_total Calls to the sources that ended with an error, by its code.
# TYPE coffer_agent_source_errors_total counter
coffer_agent_source_errors_total{code="AccessDeniedException"} 19
coffer_agent_source_errors_total{code="ConnectionError"} 1
# HELP coffer_agent_budget_refusals_total Calls to the sources that a caller had no budget for.
# TYPE coffer_agent_budget_refusals_total counter
coffer_agent_budget_refusals_total 1
# HELP coffer_agent_cache_entries Secrets and parameters that are held.
# TYPE coffer_agent_cache_entries gauge
coffer_agent_cache_entries 20
`
		body, bytes, _ := strings.Cut(got.Body.String(), "# HELP coffer_agent_cache_bytes")
		if diff := cmp.Diff(want, body); diff != "" || got.Code != 200 || got.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("%d %v (-want +got):\n%s", got.Code, got.Header(), diff)
		}
		if !strings.Contains(bytes, "coffer_agent_cache_bytes 1") {
			t.Errorf("%q", bytes)
		}
		for _, name := range []string{"db", "denied", "password"} {
			if strings.Contains(got.Body.String(), name) {
				t.Errorf("the metrics name %q", name)
			}
		}
	})
}

func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	w := newWhole(t, func(c *agent.Config) { c.OpenMetrics, c.Prefix = true, "/a\"\n/" })
	w.get(t, "/a\"\n/")
	got := do(t, w, "GET", "/metrics", tokenless)
	if got.Code != 200 || !strings.Contains(got.Body.String(), `path="/a\"\n/{secretId}",status="400"} 1`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestCodesOfErrorsAreBounded(t *testing.T) {
	t.Parallel()
	m := new(agent.Metrics)
	w := newWhole(t, func(c *agent.Config) { c.Metrics = m })
	for i := range 100 {
		m.Observe(api.ErrorCode{Code: fmt.Sprint("Code", i)}.New(""))
	}
	got := w.get(t, "/metrics").Body.String()
	if n := strings.Count(got, "source_errors_total{"); n != 33 || !strings.Contains(got, `{code="other"} 68`) {
		t.Errorf("%d codes", n)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	for _, step := range []struct {
		do     func()
		status int
		body   string
	}{{func() {}, 503, "starting"}, {w.Ready, 200, "ready"}, {w.Drain, 503, "stopping"}, {w.Ready, 503, "stopping"}} {
		step.do()
		if got := do(t, w, "GET", "/readyz", tokenless); got.Code != step.status || got.Body.String() != step.body {
			t.Errorf("%d %s, want %+v", got.Code, got.Body, step.body)
		}
		if got := do(t, w, "GET", "/healthz", tokenless); got.Code != 200 {
			t.Errorf("not alive: %d", got.Code)
		}
	}
}
