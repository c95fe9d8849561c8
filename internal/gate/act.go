// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"maps"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// Job binds the handler of a kind of jobs: what a service left in the outbox to be done
// afterwards. A kind is bound once, at start.
func (g *Gate) Job(kind string, handler jobs.Handler) {
	if _, bound := g.jobs[kind]; bound {
		panic("gate: jobs of kind " + kind + " are bound twice")
	}
	g.jobs[kind] = handler
}

// Jobs returns the handlers of all kinds, for the worker.
func (g *Gate) Jobs() map[string]jobs.Handler { return maps.Clone(g.jobs) }

// Actor says which service acts without a request, where, and for whom.
type Actor struct {
	Service         *api.Service
	Account, Region string
	// As is the caller who asked for what is done, whose permissions then decide on
	// nested calls. The zero Forwarded is the service itself, which may call nothing.
	As Forwarded
}

// Forwarded is a caller on whose behalf a service acts after the call, as AWS's
// services do in a forward access session. It is made to be stored: without the secret
// access key a session's token is of no use to anybody.
type Forwarded struct {
	AccessKeyID  string `json:",omitzero"`
	SessionToken string `json:",omitzero"`
}

// Forward returns the caller for an Act after the call.
func (c *Call) Forward() Forwarded { return Forwarded{c.accessKey, c.token} }

// In returns the call as if it had been made to another region, for nested calls there.
// It is part of the same call.
func (c *Call) In(region string) *Call {
	there := *c
	there.Region = region
	return &there
}

// errWithdrawn refuses what was asked for by somebody who has no access any more. A
// session that has ended since does not count: it had not when it asked.
var errWithdrawn = api.AccessDeniedException.New("The access key on whose behalf this was to be done is inactive or gone. Ask for it again with another one.")

// Act runs do as a service that acts by itself, in a transaction of its own: what the
// handler of a job does. The call that do gets has no operation; its nested calls and
// events are recorded as those of a request are, within the transaction, and its nested
// calls also if do fails. Do may run again, and has no effect but its writes.
func (g *Gate) Act(ctx context.Context, a Actor, do func(ctx context.Context, tx kv.Tx, call *Call) error) error {
	if err := g.audit.Ready(); err != nil {
		return errUnrecorded(err)
	}
	call := &Call{RequestID: NewID(), Time: g.now(), gate: g, service: a.Service, accessKey: a.As.AccessKeyID, token: a.As.SessionToken}
	var staged audit.Staged
	_, err := g.store.Update(ctx, func(tx kv.Tx) (err error) {
		defer recovered(&err)
		call.run = &run{}
		if err := call.actAs(tx, a); err != nil {
			return err
		}
		if err := do(ctx, tx, call); err != nil {
			return err
		}
		if lines := call.traces(nil); len(lines) > 0 {
			staged, err = g.audit.Stage(tx, lines...)
		}
		return err
	})
	if err == nil {
		g.audit.Committed(staged)
		g.after.add(call.run.later)
		return nil
	}
	if lines := call.traces(err); len(lines) > 0 {
		if failed := g.audit.Append(ctx, lines...); failed != nil {
			return errUnrecorded(failed)
		}
	}
	return err
}

// actAs sets who acts, and where.
func (c *Call) actAs(r kv.Reader, a Actor) error {
	c.Account, c.Region = a.Account, a.Region
	c.Principal = &Principal{
		Principal: policy.Principal{Account: a.Account, ARN: a.Service.EventSource(), UserID: a.Service.EventSource()},
		Policies:  &policy.Set{},
	}
	if a.As == (Forwarded{}) {
		return nil
	}
	credential, err := c.gate.directory.Credential(r, a.As.AccessKeyID, a.As.SessionToken)
	if err != nil {
		return err
	}
	if credential == nil || credential.Inactive {
		return errWithdrawn
	}
	c.Principal = credential.Principal
	return nil
}
