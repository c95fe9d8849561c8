// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// request is what a request says about the policies of a user, group or role, whichever
// of them it is about. It leaves out what the operation has no member for.
type request struct {
	holder *string
	// policy is the name of an inline policy, and document its text.
	policy, document *string
	// arn is the managed policy to attach or detach, and boundary the one to be bound by.
	arn, boundary *string
	// pathPrefix is of the managed policies to list.
	pathPrefix *string
	marker     *string
	maxItems   *int32
}

// holderOp is an operation on the policies of one kind of holder: AWS has one for each
// kind, with types of its own, and here they differ in nothing else.
type holderOp[In, Out any] struct {
	op   api.Op[In, Out]
	noun noun
	read func(*In) request
}

// of makes a holderOp, with its types inferred.
func of[In, Out any](op api.Op[In, Out], n noun, read func(*In) request) holderOp[In, Out] {
	return holderOp[In, Out]{op, n, read}
}

// row authorises the operation on the holder, there or not.
func (o holderOp[In, Out]) row(s *Service, access gate.Access) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		req := o.read(in)
		for _, name := range []*string{req.arn, req.boundary} {
			if name != nil {
				if err := checkPolicyARN(*name); err != nil {
					return gate.Target{}, err
				}
			}
		}
		c := conditions{policyARN: deref(req.arn), boundary: deref(req.boundary)}
		if o.noun == groupNoun {
			return s.groupTarget(r, call, *req.holder, c)
		}
		return s.principalTarget(r, call, kindOf[o.noun], *req.holder, c)
	})}
}

// binder binds operations on holders' policies.
type binder struct {
	gate    *gate.Gate
	service *Service
}

// changes binds an operation that changes the policies of a holder, and answers nothing.
func changes[In, Out any](b binder, o holderOp[In, Out], change func(*Service, kv.Reader, *gate.Call, *holder, request) error) {
	s := b.service
	gate.Write(b.gate, o.op, o.row(s, gate.AccessPermissions), func(_ context.Context, tx kv.Tx, call *gate.Call, in *In) (*Out, error) {
		req := o.read(in)
		h, err := s.holder(tx, call, o.noun, *req.holder)
		if err != nil {
			return nil, err
		}
		if h.fixed != nil {
			return nil, h.fixed
		}
		if err := change(s, tx, call, h, req); err != nil {
			return nil, err
		}
		return new(Out), h.store(tx)
	})
}

// shows binds an operation that finds something among the policies of a holder, and
// answers it in its own form.
func shows[In, Out, Found any](b binder, o holderOp[In, Out], l look[Found], answer func(Found, request) Out) {
	s := b.service
	gate.Read(b.gate, o.op, o.row(s, l.access), func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (*Out, error) {
		req := o.read(in)
		h, err := s.holder(r, call, o.noun, *req.holder)
		if err != nil {
			return nil, err
		}
		found, err := l.find(call, h, req)
		if err != nil {
			return nil, err
		}
		return new(answer(found, req)), nil
	})
}

// look finds something among the policies of a holder, at an access level.
type look[Found any] struct {
	access gate.Access
	find   func(*gate.Call, *holder, request) (Found, error)
}
