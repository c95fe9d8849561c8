// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// write runs the call in a transaction that its record is part of. The record of
// a call that failed has no transaction to be in.
func (g *Gate) write(ctx context.Context, call *Call, in any) (out any, err error) {
	var staged audit.Staged
	if call.op.prepare != nil {
		err = g.prepare(ctx, call, in)
	}
	if err == nil {
		out, staged, err = g.update(ctx, call, in)
	}
	if err == nil {
		g.audit.Committed(staged)
		return out, nil
	}
	if failed := g.append(ctx, call, in, nil, err); failed != nil {
		return nil, failed
	}
	return nil, err
}

// prepare runs the row's Prepare for a caller whom a snapshot allows.
func (g *Gate) prepare(ctx context.Context, call *Call, in any) (err error) {
	if _, err := g.store.View(ctx, func(r kv.Reader) (err error) {
		defer recovered(&err)
		if err := call.renew(r); err != nil {
			return err
		}
		call.run = &run{}
		return call.permit(ctx, r, in)
	}); err != nil {
		return err
	}
	defer recovered(&err)
	call.prepared, err = call.op.prepare(ctx, call, in)
	return err
}

func (g *Gate) update(ctx context.Context, call *Call, in any) (out any, staged audit.Staged, err error) {
	_, err = g.store.Update(ctx, func(tx kv.Tx) (err error) {
		defer recovered(&err)
		call.run = nil // of a run before
		if err = call.renew(tx); err != nil {
			return err
		}
		if out, err = call.begin(ctx, tx, in); err != nil {
			return err
		}
		staged, err = g.audit.Stage(tx, call.records(in, out, nil)...)
		return err
	})
	return out, staged, err
}

// append has the records of a call in the log, or says why nothing of it may be told.
func (g *Gate) append(ctx context.Context, call *Call, in, out any, err error) error {
	failed := g.audit.Append(ctx, call.records(in, out, err)...)
	switch {
	case failed == nil:
		return nil
	case ctx.Err() != nil && errors.Is(failed, context.Cause(ctx)):
		// The client is gone, the record under way: a refusal need not wait for it.
		if err != nil {
			return nil
		}
		return ctx.Err()
	}
	return errUnrecorded(failed)
}

// begin is one run of the call's transaction.
func (c *Call) begin(ctx context.Context, r kv.Reader, in any) (out any, err error) {
	defer recovered(&err)
	c.run = &run{}
	return c.execute(ctx, r, in)
}

// renew looks the credential up once more in another snapshot than that in which the
// signature was verified: it may have been withdrawn or replaced since.
func (c *Call) renew(r kv.Reader) error {
	credential, err := c.gate.directory.Credential(r, c.accessKey, c.token)
	if err != nil {
		return err
	}
	if credential != c.verified {
		if !credential.still(c.verified, c.Time) {
			return notAuthentic(c.op.service.Protocol, sigv4.UnknownKey.Err())
		}
		c.admitAs(credential)
	}
	return nil
}

// admitAs sets who calls.
func (c *Call) admitAs(credential *Credential) {
	c.verified, c.Principal, c.Account = credential, credential.Principal, credential.Principal.Account
}

// permit resolves and authorises the call's targets.
func (c *Call) permit(ctx context.Context, r kv.Reader, in any) error {
	targets, err := c.op.targets(ctx, r, c, in)
	if err != nil {
		return err
	}
	return c.authorise(targets)
}

// execute resolves, authorises and handles a decoded request.
func (c *Call) execute(ctx context.Context, r kv.Reader, in any) (any, error) {
	if c.op.targets != nil {
		if err := c.permit(ctx, r, in); err != nil {
			return nil, err
		}
	}
	out, err := c.op.handle(ctx, r, c, in)
	if err != nil {
		return nil, err
	}
	if !c.run.decided && !c.op.open {
		return nil, fmt.Errorf("%s:%s answered without a decision", c.op.service.Name, c.op.name)
	}
	return out, nil
}
