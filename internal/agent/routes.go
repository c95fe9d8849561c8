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
	a.byPath = &route{path: cfg.Prefix + "{secretId}", contract: &agentRules, serve: (*Agent).secretByPath}
	a.nowhere = &route{path: "other", contract: chosen, serve: (*Agent).nothing}
	fixed := []*route{
		{path: secretPath, contract: chosen, serve: (*Agent).secret},
		{path: parameterPath, contract: &extensionRules, serve: (*Agent).parameter},
		{path: parameterPath + "/", contract: &extensionRules, serve: (*Agent).parameter},
		{path: failedPath, contract: &extensionRules, serve: (*Agent).reportOfFailure, method: http.MethodPost},
		{path: batchPath, contract: &extensionRules, serve: (*Agent).batch},
		{path: changesPath, contract: &extensionRules, serve: (*Agent).poll},
		{path: pingPath, contract: chosen, serve: (*Agent).ping, open: true},
		{path: livePath, contract: chosen, serve: (*Agent).liveness, open: true},
		{path: readyPath, contract: chosen, serve: (*Agent).readiness, open: true},
		{path: metricsPath, contract: chosen, serve: (*Agent).exposition, open: cfg.OpenMetrics},
	}
	a.routes = make(map[string]*route, len(fixed))
	for _, r := range fixed {
		a.routes[r.path] = r
	}
	a.metrics.routes = append(fixed, a.byPath, a.nowhere)
	for _, r := range a.metrics.routes {
		if r.method == "" {
			r.method = http.MethodGet
		}
	}
}

// at returns what is on a path.
func (a *Agent) at(path string) *route {
	if to := a.routes[path]; to != nil {
		return to
	}
	if strings.HasPrefix(path, a.prefix) {
		return a.byPath
	}
	return a.nowhere
}

func (a *Agent) ping(c call) int     { return refuse(c.w, http.StatusOK, "healthy") }
func (a *Agent) liveness(c call) int { return refuse(c.w, http.StatusOK, "alive") }
func (a *Agent) nothing(c call) int  { return refuse(c.w, http.StatusNotFound, notFound) }

func (a *Agent) readiness(c call) int {
	switch {
	case a.draining.Err() != nil:
		return refuse(c.w, http.StatusServiceUnavailable, "stopping")
	case !a.ready.Load():
		return refuse(c.w, http.StatusServiceUnavailable, "starting")
	}
	return refuse(c.w, http.StatusOK, "ready")
}

func validPrefix(p string) bool { return strings.HasPrefix(p, "/") && strings.HasSuffix(p, "/") }
