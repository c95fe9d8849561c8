// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package agent is the HTTP interface on 127.0.0.1 that functions get their secrets
// from: that of the AWS Parameters and Secrets Lambda Extension, with its paths, its
// environment variables and its answers, so that a function does not notice whose
// extension it talks to.
//
// What it does beyond: it serves while the function initialises; it tells why a request
// failed, where an answer comes from and how old it is, in headers; it answers with the
// last value it knows when the source is down; and it takes the report that a version
// of a secret does not work, at /coffer/v1/failed.
//
// Every request must have a token that another program on the same machine does not
// know, must be meant for this host, and must not have come through a proxy.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Store is what the agent answers from. *cache.Cache is one.
type Store interface {
	Get(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error)
}

// Config is what an Agent needs.
type Config struct {
	// Store has the values.
	Store Store
	// Tokens are what a request may show. Without any, every request is refused.
	Tokens []secret.Value
	// Log takes failures. It is never told a value. Nil discards.
	Log *slog.Logger
}

// Agent is an http.Handler. It is safe for concurrent use.
type Agent struct {
	store  Store
	tokens tokens
	log    *slog.Logger
}

// New returns an Agent.
func New(cfg Config) (*Agent, error) {
	if cfg.Store == nil {
		return nil, errors.New("agent: no store")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{store: cfg.Store, tokens: newTokens(cfg.Tokens), log: cfg.Log}, nil
}

// The answers that are not values. The first two are the AWS extension's own words.
const (
	badToken     = "bad session token or header key"
	failedText   = "an unexpected error occurred while executing request"
	forwarded    = "Forwarded"
	badHost      = "Bad host"
	notFound     = "Not found"
	notAllowed   = "Not allowed"
	healthy      = "healthy"
	tokenHeader  = "X-Aws-Parameters-Secrets-Token"
	cacheHeader  = "X-Cache"
	errorHeader  = "X-Error-Code"
	failedPath   = "/coffer/v1/failed"
	pingPath     = "/ping"
	maxNameBytes = 2048 // of a secret's or parameter's name: SecretIdType, PSParameterName
)

// route is a path's method and what its query asks for.
type route struct {
	method string
	parse  func(query string) (request, error)
}

var routes = map[string]route{
	"/secretsmanager/get":             {http.MethodGet, parseSecret},
	"/systemsmanager/parameters/get":  {http.MethodGet, parseParameter},
	"/systemsmanager/parameters/get/": {http.MethodGet, parseParameter},
	failedPath:                        {http.MethodPost, parseFailed},
	pingPath:                          {http.MethodGet, nil},
}

// ServeHTTP implements http.Handler.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := r.Header["X-Forwarded-For"]; ok {
		refuse(w, http.StatusBadRequest, forwarded)
		return
	}
	if !isLocal(r.Host) {
		refuse(w, http.StatusForbidden, badHost)
		return
	}
	to, found := routes[r.URL.Path]
	if r.URL.Path != pingPath && !a.tokens.admit(r.Header[tokenHeader]) {
		refuse(w, http.StatusUnauthorized, badToken)
		return
	}
	if !found {
		refuse(w, http.StatusNotFound, notFound)
		return
	}
	if r.Method != to.method {
		w.Header()["Allow"] = []string{to.method}
		refuse(w, http.StatusMethodNotAllowed, notAllowed)
		return
	}
	if to.parse == nil {
		refuse(w, http.StatusOK, healthy)
		return
	}
	req, err := to.parse(r.URL.RawQuery)
	if err != nil {
		w.Header()[errorHeader] = []string{"ValidationException"}
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	a.answer(r.Context(), w, req)
}

// answer fetches what a request asks for and writes it.
func (a *Agent) answer(ctx context.Context, w http.ResponseWriter, req request) {
	var got cache.Answer
	var err error
	switch {
	case req.failed != "":
		a.log.Info("a version was reported to fail", "id", req.ref.ID, "version", req.failed)
		got, err = a.store.Failed(ctx, req.ref, req.failed)
	case req.refresh:
		got, err = a.store.Refresh(ctx, req.ref)
	default:
		got, err = a.store.Get(ctx, req.ref)
	}
	if err != nil {
		code := codeOf(err)
		a.log.Error("request failed", "id", req.ref.ID, "code", code, "error", err.Error())
		w.Header()[errorHeader] = []string{code}
		refuse(w, http.StatusBadRequest, failedText)
		return
	}
	defer got.Wipe()
	if got.Status == cache.Stale {
		a.log.Warn("the source is unavailable: answering with the last value known", "id", req.ref.ID, "age", got.Age.String())
	}
	writeAnswer(w, &got)
}

// refuse writes a plain text. A client that sees it may use the connection again.
func refuse(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// isLocal reports whether a Host header means this host. A web page can make a browser
// send requests here, but under the page's own host name.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host, "]")
		return host == "[::1"
	}
	host, _, _ = strings.Cut(host, ":")
	return slices.Contains([]string{"127.0.0.1", "localhost"}, strings.ToLower(host))
}
