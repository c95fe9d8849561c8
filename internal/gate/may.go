// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// May asks whether the caller may call another operation with this request, as its row
// decides it, without calling it: for handlers that tell only what the caller could find
// out by that. A request that the operation has no target for is one that the caller may
// not make. The operation's row has Targets.
func May[In, Out any](ctx context.Context, c *Call, r kv.Reader, op api.Op[In, Out], in *In) (bool, error) {
	inner := *c
	inner.service, inner.operation, inner.op, inner.run = op.Service, op.Name, c.gate.lookup(op.Service, op.Name), &run{}
	inner.prepared, inner.asking = nil, true
	if inner.op == nil || inner.op.targets == nil || inner.op.introduce != nil {
		return false, nil
	}
	c.run.decided = true
	err := inner.permit(ctx, r, in)
	if _, refused := errors.AsType[*api.Error](err); refused {
		return false, nil
	}
	return err == nil, err
}
