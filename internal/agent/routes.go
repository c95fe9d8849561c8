// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/http"
	"strings"
)

// DefaultPrefix is where the Secrets Manager Agent's paths of secrets begin.
const DefaultPrefix = "/v1/"

// The paths.
const (
	secretPath    = "/secretsmanager/get"
	parameterPath = "/systemsmanager/parameters/get"
	failedPath    = "/coffer/v1/failed"
	batchPath     = "/coffer/v1/batch"
	changesPath   = "/coffer/v1/changes"
	pingPath      = "/ping"
	livePath      = "/healthz"
	readyPath     = "/readyz"
	metricsPath   = "/metrics"
)

// route is what is on a path.
type route struct {
	path     string // as the metrics have it
	method   string
	open     bool // without a token
	contract *contract
	serve    func(*Agent, call) int
	counts   [len(statuses)]counter
}

// lay lays the routes.
func (a *Agent) lay(cfg Config) {
	chosen := cfg.Contract.rules()
	all := []*route{
		{path: secretPath, contract: chosen, serve: reads(func(c call) (request, error) {
			return parseSecret(c.r.URL.RawQuery, c.contract.strict)
		})},
		{path: parameterPath, contract: &extensionRules, serve: reads(parameterOf)},
		{path: parameterPath + "/", contract: &extensionRules, serve: reads(parameterOf)},
		{path: failedPath, method: http.MethodPost, contract: &extensionRules, serve: reads(func(c call) (request, error) {
			return parseFailed(c.r.URL.RawQuery)
		})},
		{path: batchPath, contract: &extensionRules, serve: (*Agent).batch},
		{path: pingPath, open: true, serve: says("healthy")},
		{path: livePath, open: true, serve: says("alive")},
		{path: readyPath, open: true, serve: (*Agent).readiness},
		{path: metricsPath, open: cfg.OpenMetrics, serve: (*Agent).exposition},
	}
	if cfg.Changes != nil {
		all = append(all, &route{path: changesPath, contract: &extensionRules, serve: (*Agent).poll})
	}
	a.byPath = &route{path: cfg.Prefix + "{secretId}", contract: &agentRules, serve: reads(func(c call) (request, error) {
		return parsePath(c.r.URL.Path[len(a.prefix):], c.r.URL.RawQuery)
	})}
	a.nowhere = &route{path: "other", serve: func(_ *Agent, c call) int {
		return refuse(c.w, http.StatusNotFound, notFound)
	}}
	a.routes = make(map[string]*route, len(all))
	for _, r := range all {
		a.routes[r.path] = r
	}
	for _, r := range append(all, a.byPath, a.nowhere) {
		if r.method == "" {
			r.method = http.MethodGet
		}
		if r.contract == nil {
			r.contract = chosen
		}
		a.metrics.routes = append(a.metrics.routes, r)
	}
}

func parameterOf(c call) (request, error) { return parseParameter(c.r.URL.RawQuery) }

// says answers with a word.
func says(word string) func(*Agent, call) int {
	return func(_ *Agent, c call) int { return refuse(c.w, http.StatusOK, word) }
}

func (a *Agent) readiness(c call) int {
	select {
	case <-a.draining:
		return refuse(c.w, http.StatusServiceUnavailable, "stopping")
	default:
	}
	if !a.ready.Load() {
		return refuse(c.w, http.StatusServiceUnavailable, "starting")
	}
	return refuse(c.w, http.StatusOK, "ready")
}

func validPrefix(p string) bool { return strings.HasPrefix(p, "/") && strings.HasSuffix(p, "/") }
