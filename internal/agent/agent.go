// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package agent is the HTTP interface that programs of one host get their secrets from,
// on 127.0.0.1 and on a unix socket. It has the paths, the environment variables and the
// answers of the AWS Parameters and Secrets Lambda Extension and of the AWS Secrets
// Manager Agent, so that a program does not notice whose it talks to. How each of the two
// writes values and errors is a Contract; a path has one.
//
// What it does beyond: it serves while the function initialises; it tells why a request
// failed, where an answer comes from and how old it is, in headers; it answers with the
// last value it knows when the source is down; it takes the report that a version does
// not work; and below /coffer/v1/ it answers many questions at once, and tells what changed.
//
// Every request must have a token that another program on the same machine does not
// know, must be meant for this host, and must not have come through a proxy. What a caller
// makes the source do is bounded by a budget; what is held is given without one.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Store is what the agent answers from. A *cache.Cache is one, and so is a cache.Caller.
type Store interface {
	Get(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error)
	Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error)
}

// Config is what an Agent needs. Only Store is required.
type Config struct {
	// Store has the values.
	Store Store
	// Limited returns the Store as somebody with a budget has it. Nil means that nobody
	// has one.
	Limited func(cache.Budget) Store
	// Budget is how many calls to the source each caller may cause in a second, for long.
	// Zero means any number.
	Budget int
	// Changes tells what changed since a cursor. Nil means that the path for that is not
	// there.
	Changes func(since string) (cache.News, error)
	// Stats tells what is held, for the metrics. It may be nil.
	Stats func() cache.Stats
	// Tokens are what a request may show. Without any, every request is refused.
	Tokens []secret.Value
	// Contract is that of /secretsmanager/get, and of what is on no path.
	Contract Contract
	// Prefix is where the paths of secrets begin, with a slash at either end. Empty means
	// DefaultPrefix.
	Prefix string
	// Metrics are counted in. Nil means that nobody else does.
	Metrics *Metrics
	// OpenMetrics shows the metrics to requests without a token.
	OpenMetrics bool
	// Log takes failures. It is never told a value. Nil discards.
	Log *slog.Logger
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// Agent is an http.Handler. It is safe for concurrent use.
type Agent struct {
	routes   map[string]*route
	byPath   *route // of the paths that are a secret's id
	nowhere  *route // of all others
	prefix   string
	callers  *callers
	tokens   tokens
	changes  func(since string) (cache.News, error)
	stats    func() cache.Stats
	metrics  *Metrics
	log      *slog.Logger
	underWay atomic.Int64
	polls    chan struct{} // a place for each

	ready    atomic.Bool
	draining context.Context // ends when the agent drains
	drain    context.CancelFunc
}

// New returns an Agent.
func New(cfg Config) (*Agent, error) {
	if cfg.Store == nil {
		return nil, errors.New("agent: no store")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = new(Metrics)
	}
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if !validPrefix(cfg.Prefix) {
		return nil, errors.New("agent: a path prefix needs a slash at either end")
	}
	a := &Agent{
		prefix: cfg.Prefix, callers: newCallers(cfg), tokens: newTokens(cfg.Tokens), changes: cfg.Changes, stats: cfg.Stats,
		metrics: cfg.Metrics, log: cfg.Log, polls: make(chan struct{}, maxPolls),
	}
	a.draining, a.drain = context.WithCancel(context.Background())
	a.lay(cfg)
	return a, nil
}

// Ready says that what is to be fetched before anybody asks has been, as well as it can be.
func (a *Agent) Ready() { a.ready.Store(true) }

// Drain ends what waits for changes, now and from now on, and makes the agent not ready.
// Other requests are answered as before.
func (a *Agent) Drain() { a.drain() }

// The answers that are of no contract.
const (
	forwarded  = "Forwarded"
	badHost    = "Bad host"
	notFound   = "Not found"
	notAllowed = "Not allowed"
)

// ServeHTTP implements http.Handler.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := a.at(r.URL.Path)
	defer a.underWay.Add(-1)
	to.count(a.serve(w, r, to, a.underWay.Add(1)))
}

// serve checks a request, which is the nth that is under way, in the order of the Secrets
// Manager Agent, and answers it. It returns the status.
func (a *Agent) serve(w http.ResponseWriter, r *http.Request, to *route, n int64) int {
	if !to.open && to.contract.limit > 0 && n > to.contract.limit {
		return refuse(w, http.StatusTooManyRequests, limitExceeded)
	}
	if _, ok := r.Header["X-Forwarded-For"]; ok {
		return refuse(w, http.StatusBadRequest, forwarded)
	}
	user, onSocket := peer(r.Context())
	if !onSocket && !isLocal(r.Host) {
		return refuse(w, http.StatusForbidden, badHost)
	}
	token := a.tokens.admit(r.Header)
	if token < 0 && !to.open {
		return refuse(w, to.contract.tokenStatus, to.contract.tokenText)
	}
	if r.Method != to.method {
		w.Header()["Allow"] = []string{to.method}
		return refuse(w, http.StatusMethodNotAllowed, notAllowed)
	}
	return to.serve(a, call{w: w, r: r, contract: to.contract, who: caller{token, user}})
}

// call is one request that has passed the checks.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	contract *contract
	who      caller
}

// invalid answers a request that asks for nothing that there could be.
func (c call) invalid(err error) int {
	c.w.Header()[errorHeader] = []string{"ValidationException"}
	return refuse(c.w, http.StatusBadRequest, err.Error())
}

// refuse writes a plain text. A client that sees it may use the connection again.
func refuse(w http.ResponseWriter, status int, text string) int {
	return reply{status, plainText, []byte(text)}.write(w)
}

// isLocal reports whether a Host header means this host. A web page can make a browser
// send requests here, but under the page's own host name.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host, "]")
		return host == "[::1"
	}
	host, _, _ = strings.Cut(host, ":")
	return host == "127.0.0.1" || strings.EqualFold(host, "localhost")
}
