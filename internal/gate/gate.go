// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package gate is the one way in. Every call, whatever its service and protocol,
// takes the same steps in the same order:
//
//	verify the signature, decode, validate, resolve the resource, authorise, handle, audit, answer
//
// A few operations are there for those who have nothing yet to sign with. Their rows say,
// after validation, who asks (Introduce), and everything else is as for all.
//
// No handler can leave one out, because no handler performs one: a service binds
// its operations with Read and Write, and a Row that says how each is authorised.
//
// A call is one transaction: a snapshot for a read, a serialisable transaction for
// a write. The principal, the resource, the decision and the effect are all seen
// through it. A write's audit record is part of the same transaction, so that
// effect and record are kept together or not at all; a read's record, and that of a
// refused call, is in the audit log before the answer leaves.
//
// A call that one operation makes to another (Secrets Manager to KMS) goes through
// Invoke: decided as the caller's, recorded on its own, in the same transaction.
package gate

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/wire"
)

// MaxBody is the largest request body, in bytes. AWS's largest legitimate request
// of these services, a secret of 65,536 bytes with every byte escaped, is below it.
const MaxBody = 1 << 20

// Config is what a Gate stands on. Store, Audit and Directory are required.
type Config struct {
	Store     kv.Store
	Audit     *audit.Log
	Directory Directory
	// Events takes what services publish. Nil publishes nothing.
	Events *events.Log
	// Limits are those that an operator chose. The zero Limits are none but AWS's sizes.
	Limits limits.Limits
	// Endpoints says whose word is taken for the endpoint that a call came through.
	Endpoints Endpoints
	// TokenKey seals page tokens. Servers that share a store share it.
	TokenKey [32]byte
	// Region is that of calls without a signature, which would say it. Empty means
	// us-east-1.
	Region string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Log takes what the client is not told. Nil means slog.Default.
	Log *slog.Logger
	// Observe is told of each finished call, for metrics. It may be nil, and is
	// called concurrently.
	Observe func(Observation)
}

// Observation is one finished call. Code is empty for a success.
type Observation struct {
	Service, Operation, Code string
	Elapsed                  time.Duration
}

// Gate is an http.Handler that serves every bound operation. Operations are bound
// before it serves; from then on it is for concurrent use.
type Gate struct {
	store     kv.Store
	audit     *audit.Log
	directory Directory
	verifier  sigv4.Verifier
	tokens    tokenKey
	now       func() time.Time
	log       *slog.Logger
	observe   func(Observation)
	region    string

	services   wire.Services
	operations map[*api.Service]map[string]*bound
	guards     map[*api.Service]func(*Call) error
	jobs       map[string]jobs.Handler
	events     *events.Log
	endpoints  Endpoints
	limits     limits.Limits

	waits    chan struct{}   // has an element for each call that waits
	stopping context.Context // ends when none may wait any more
	endWaits context.CancelFunc

	introductions *introductions

	after *after
	once  sync.Once
}

// New returns a gate with nothing bound. Close ends its worker.
func New(c Config, services ...*api.Service) (*Gate, error) {
	tokens, err := newTokenKey(c.TokenKey)
	if err != nil {
		return nil, err
	}
	g := &Gate{
		store: c.Store, audit: c.Audit, directory: c.Directory, tokens: tokens,
		now: c.Now, log: c.Log, observe: c.Observe, region: cmp.Or(c.Region, defaultRegion),
		services: services, operations: map[*api.Service]map[string]*bound{}, guards: map[*api.Service]func(*Call) error{},
		jobs:   map[string]jobs.Handler{jobs.KindErase: jobs.Eraser(c.Store)},
		events: c.Events, endpoints: c.Endpoints, limits: c.Limits, waits: make(chan struct{}, maxWaits), introductions: newIntroductions(),
	}
	g.stopping, g.endWaits = context.WithCancel(context.Background())
	if c.Events != nil {
		g.jobs[events.KindTrim] = c.Events.Trimmer()
	}
	if g.limits.SecretSize == 0 {
		g.limits.SecretSize = limits.SecretSize
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.log == nil {
		g.log = slog.Default()
	}
	if g.observe == nil {
		g.observe = func(Observation) {}
	}
	for _, s := range services {
		g.operations[s] = map[string]*bound{}
	}
	g.after = startAfter(c.Store, g.log)
	return g, nil
}

// Close waits for the work that calls left for later, and ends the worker. No call
// may be under way.
func (g *Gate) Close() error {
	g.endWaits()
	g.once.Do(g.after.close)
	return nil
}

func (g *Gate) add(b *bound) {
	operations, ok := g.operations[b.service]
	if !ok {
		panic("gate: " + b.service.Name + " is not one of the gate's services")
	}
	if operations[b.name] != nil {
		panic("gate: " + b.service.Name + ":" + b.name + " is bound twice")
	}
	operations[b.name] = b
}

// Guard has check asked of every authenticated call to a service before anything else is
// looked at, whether the operation is bound or not: for what no policy could allow, such
// as some credentials to call IAM. An error refuses. A service has one at most.
func (g *Gate) Guard(s *api.Service, check func(*Call) error) {
	if g.guards[s] != nil {
		panic("gate: " + s.Name + " is guarded twice")
	}
	g.guards[s] = check
}

func (g *Gate) lookup(s *api.Service, name string) *bound { return g.operations[s][name] }

// Operation is one row of what the gate serves, for documents, metrics and tests.
type Operation struct {
	Service *api.Service
	Name    string
	// Bound says that a handler is there. Those of AWS's operations that have none
	// are answered with an error that says so.
	Bound bool
	// Open says that everybody with a valid signature may call it.
	Open bool
	// Unsigned says that it may be called without a signature.
	Unsigned bool
	Access   Access
	Actions  []string
	// NewInput returns an empty request. It is nil unless the operation is bound.
	NewInput func() any
}

// Operations lists every operation of the gate's services, bound or not, in order
// of service and name.
func (g *Gate) Operations() []Operation {
	var all []Operation
	for _, s := range g.services {
		for _, name := range s.Operations {
			op := Operation{Service: s, Name: name}
			if b := g.lookup(s, name); b != nil {
				op.Bound, op.Open, op.Unsigned, op.Access, op.Actions = true, b.open, b.introduce != nil, b.access, b.actions
				op.NewInput = b.newInput
			}
			all = append(all, op)
		}
	}
	return all
}
