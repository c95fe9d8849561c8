// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Access is an action's level, in the terms of AWS's service authorization
// reference.
type Access uint8

// The access levels.
const (
	AccessList Access = iota + 1
	AccessRead
	AccessWrite
	AccessTagging
	AccessPermissions
)

// String returns AWS's name of the level.
func (a Access) String() string {
	return [...]string{"", "List", "Read", "Write", "Tagging", "Permissions management"}[a]
}

// readOnly says whether CloudTrail calls such an action read-only.
func (a Access) readOnly() bool { return a == AccessList || a == AccessRead }

// Row says how calls of one operation are authorised. Exactly one of Targets,
// PerItem and Open is set.
type Row[In any] struct {
	// Access is the operation's access level.
	Access Access
	// Actions are the IAM actions that the caller needs on every target. Empty
	// means the operation's own.
	Actions []string
	// Targets finds what the call is about, before the handler runs. A name that
	// does not exist yields a target too, so that a stranger learns nothing from the
	// difference. Everything is for operations that AWS authorises on "*".
	Targets func(ctx context.Context, r kv.Reader, call *Call, in *In) ([]Target, error)
	// PerItem says that the handler asks for a decision on each item itself, with
	// Call.Authorize. A handler that then answers without having asked is refused.
	PerItem bool
	// Open says that every caller with a valid signature may call.
	Open bool
	// Answers says that the audit record has the answer although the call only reads, as
	// CloudTrail has those with new credentials.
	Answers bool
	// Validate takes the place of the model's constraints, which it may ask for itself. It
	// may be nil.
	Validate func(call *Call, in *In) *api.Error
	// Prepare does what takes too long for a transaction, such as making a key pair,
	// and has no effect. It runs before the transaction, once a snapshot has allowed
	// the call, so that a stranger can't make the server work; the decision that
	// counts is taken in the transaction. The handler gets the result from
	// Call.Prepared. Only for Write with Targets. It may be nil.
	Prepare func(ctx context.Context, call *Call, in *In) (any, error)
	// Introduce takes the place of the signature: it finds out who asks by what the
	// request itself holds, such as a token of somebody whom we trust. It runs in no
	// transaction, as it may have to ask elsewhere, after the request was validated;
	// what it relies on in the store the handler looks at again. All that follows is as
	// for other calls. An operation that has it can be called by everybody: it takes no
	// word of the request's for anything that it has not verified. Only for Read,
	// without Prepare. It may be nil.
	Introduce func(ctx context.Context, call *Call, in *In) (*Introduction, error)
}

// Everything is a Row's Targets for operations on no one resource: "*".
func Everything[In any](context.Context, kv.Reader, *Call, *In) ([]Target, error) {
	return []Target{{ARN: "*"}}, nil
}

// One makes a Row's Targets of a function that finds the one resource of a call.
func One[In any](find func(ctx context.Context, r kv.Reader, call *Call, in *In) (Target, error)) func(context.Context, kv.Reader, *Call, *In) ([]Target, error) {
	return func(ctx context.Context, r kv.Reader, call *Call, in *In) ([]Target, error) {
		t, err := find(ctx, r, call, in)
		if err != nil {
			return nil, err
		}
		return []Target{t}, nil
	}
}

// Read binds a handler that only reads: it runs on a snapshot.
func Read[In, Out any](g *Gate, op api.Op[In, Out], row Row[In], h func(context.Context, kv.Reader, *Call, *In) (*Out, error)) {
	bind(g, op, row, false, h)
}

// Write binds a handler that also writes: it runs in a serialisable transaction,
// and may run again on a conflict, so it has no effect but its writes.
func Write[In, Out any](g *Gate, op api.Op[In, Out], row Row[In], h func(context.Context, kv.Tx, *Call, *In) (*Out, error)) {
	bind(g, op, row, true, func(ctx context.Context, r kv.Reader, call *Call, in *In) (*Out, error) {
		tx, ok := r.(kv.Tx)
		if !ok {
			return nil, fmt.Errorf("%s writes, and was called within a call that only reads", op.Name)
		}
		return h(ctx, tx, call, in)
	})
}

// bound is an operation with its handler, its types forgotten.
type bound struct {
	service *api.Service
	name    string
	access  Access
	actions []string
	writes  bool
	perItem bool
	open    bool
	answers bool

	newInput func() any
	validate func(call *Call, in any) *api.Error
	targets  func(ctx context.Context, r kv.Reader, call *Call, in any) ([]Target, error)
	prepare  func(ctx context.Context, call *Call, in any) (any, error)
	handle   func(ctx context.Context, r kv.Reader, call *Call, in any) (any, error)

	introduce func(ctx context.Context, call *Call, in any) (*Introduction, error)
}

// bind panics on a row that is wrong: rows are written in code and bound at start,
// so that a wrong one is found by the first test.
func bind[In, Out any](g *Gate, op api.Op[In, Out], row Row[In], writes bool, h func(context.Context, kv.Reader, *Call, *In) (*Out, error)) {
	b := &bound{
		service: op.Service, name: op.Name, access: row.Access, actions: row.Actions,
		writes: writes, perItem: row.PerItem, open: row.Open, answers: row.Answers,
		newInput: func() any { return new(In) },
		validate: func(_ *Call, in any) *api.Error { return op.Service.Validate(in) },
		handle: func(ctx context.Context, r kv.Reader, call *Call, in any) (any, error) {
			out, err := h(ctx, r, call, in.(*In))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
	if len(b.actions) == 0 {
		b.actions = []string{op.Action()}
	}
	if row.Validate != nil {
		b.validate = func(call *Call, in any) *api.Error { return row.Validate(call, in.(*In)) }
	}
	if row.Targets != nil {
		b.targets = func(ctx context.Context, r kv.Reader, call *Call, in any) ([]Target, error) {
			return row.Targets(ctx, r, call, in.(*In))
		}
	}
	if row.Prepare != nil {
		if !writes || row.Targets == nil {
			panic("gate: " + op.Action() + ": only a Write with Targets prepares")
		}
		b.prepare = func(ctx context.Context, call *Call, in any) (any, error) { return row.Prepare(ctx, call, in.(*In)) }
	}
	if row.Introduce != nil {
		if writes || row.Prepare != nil {
			panic("gate: " + op.Action() + ": only a Read that prepares nothing introduces")
		}
		b.introduce = func(ctx context.Context, call *Call, in any) (*Introduction, error) {
			return row.Introduce(ctx, call, in.(*In))
		}
	}
	ways := 0
	for _, set := range []bool{row.Targets != nil, row.PerItem, row.Open} {
		if set {
			ways++
		}
	}
	if ways != 1 || row.Access == 0 {
		panic("gate: " + op.Action() + ": a row has an access level and exactly one way to authorise")
	}
	g.add(b)
}
