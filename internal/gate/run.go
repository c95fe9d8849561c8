// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// unavailable is the answer when the call could not be recorded or kept: nothing
// of it was done.
var unavailable = api.ErrorCode{Code: "ServiceUnavailableException", Status: 503}

// errUnrecorded refuses a call while the audit log can't take its record.
func errUnrecorded(cause error) error {
	return unavailable.New("The audit log can't be written, so the request was refused and has changed nothing. " +
		"The server's operator: free space for the log, or mend its file.").WithCause(cause)
}

// transact runs a call in its transaction and records it. When it returns an
// error, nothing of the call's effect is kept.
func (g *Gate) transact(ctx context.Context, call *Call, in any) (any, error) {
	if err := g.audit.Ready(); err != nil {
		return nil, errUnrecorded(err)
	}
	var out any
	var err error
	if call.op.writes {
		out, err = g.write(ctx, call, in)
	} else {
		out, err = g.read(ctx, call, in)
	}
	if err == nil {
		g.after.add(call.run.later)
	}
	return out, err
}

// read runs the call on a snapshot, and has its record in the log before the
// answer is given away.
func (g *Gate) read(ctx context.Context, call *Call, in any) (out any, err error) {
	_, err = g.store.View(ctx, func(r kv.Reader) error {
		out, err = call.begin(ctx, r, in)
		return err
	})
	if failed := g.append(ctx, call, in, out, err); failed != nil {
		return nil, failed
	}
	return out, err
}

// write runs the call in a transaction that its record is part of. The record of
// a call that failed has no transaction to be in.
func (g *Gate) write(ctx context.Context, call *Call, in any) (out any, err error) {
	var staged audit.Staged
	_, err = g.store.Update(ctx, func(tx kv.Tx) error {
		var err error
		out, err = call.begin(ctx, tx, in)
		if err != nil {
			return err
		}
		staged, err = g.audit.Stage(tx, call.records(in, out, nil)...)
		return err
	})
	if err == nil {
		g.audit.Committed(staged)
		return out, nil
	}
	if failed := g.append(ctx, call, in, nil, err); failed != nil {
		return nil, failed
	}
	return nil, err
}

func (g *Gate) append(ctx context.Context, call *Call, in, out any, err error) error {
	if err := g.audit.Append(ctx, call.records(in, out, err)...); err != nil {
		return errUnrecorded(err)
	}
	return nil
}

// begin is one run of the call's transaction: first the credential is looked up
// once more, because the one that the signature was verified with may have been
// withdrawn since.
func (c *Call) begin(ctx context.Context, r kv.Reader, in any) (any, error) {
	c.run = &run{}
	credential, err := c.gate.directory.Credential(r, c.accessKey)
	if err != nil {
		return nil, err
	}
	if credential == nil || credential.Inactive {
		return nil, c.gate.signatureError(c.op.service, sigv4.UnknownKey)
	}
	c.Principal = credential.Principal
	return c.execute(ctx, r, in)
}

// execute resolves, authorises and handles a decoded request.
func (c *Call) execute(ctx context.Context, r kv.Reader, in any) (any, error) {
	if c.op.targets != nil {
		targets, err := c.op.targets(ctx, r, c, in)
		if err != nil {
			return nil, err
		}
		if err := c.authorise(targets); err != nil {
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

// told is the error as the client is told it. What is not an answer of AWS's stays
// in the log, under the request's id.
func (g *Gate) told(call *Call, err error) *api.Error {
	if answer, ok := errors.AsType[*api.Error](err); ok {
		if answer.Cause != nil {
			g.log.Error("call refused", "request", call.RequestID, "error", answer.Code, "cause", answer.Cause)
		}
		return answer
	}
	g.log.Error("call failed", "request", call.RequestID, "error", err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable.New("The request was cancelled before it was done, and has changed nothing.")
	case errors.Is(err, kv.ErrReadOnly), errors.Is(err, kv.ErrClosed):
		return unavailable.New("The store does not take writes at the moment; the request has changed nothing.")
	}
	return internalFailure.New("The server could not do the request, which has changed nothing. " +
		"Its log says why, under request id " + call.RequestID + ".")
}

var internalFailure = api.ErrorCode{Code: "InternalFailure", Status: 500}

// notBound is the answer to an operation that AWS has and this server has not.
func notBound(service *api.Service, name string) *api.Error {
	return api.ErrorCode{Code: "NotImplementedException", Status: 501}.
		Newf("%s is an operation of %s that this version of Coffer does not serve.", name, service.Title)
}
