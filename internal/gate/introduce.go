// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/wire"
)

// Introduction is who asks, as a row's Introduce has found out.
type Introduction struct {
	// Principal is the caller. It need have no Policies.
	Principal *Principal
	// Account is the account that the call is about.
	Account string
	// Facts are for the handler, which gets them from Call.Prepared.
	Facts any
}

// What strangers may take, who need no key to ask.
const (
	// maxIntroductions is how many may be under way at once. Each may wait for an answer
	// from elsewhere.
	maxIntroductions = 256
	// introductionRate is how many there may be in a second: as many calls as AWS STS
	// takes from one account (IAM User Guide, "IAM and AWS STS quotas": 600).
	introductionRate = 600
	// maxIntroduction is the largest body of a request that introduces itself, in bytes.
	// AWS's largest, a token, a session policy and ten ARNs with every byte escaped, is
	// below it.
	maxIntroduction = 160 << 10
)

// defaultRegion is where a call without a signature is, as at AWS the global endpoint of
// STS.
const defaultRegion = "us-east-1"

// introductions bounds what strangers take.
type introductions struct {
	under chan struct{} // has an element for each that is under way

	mu    sync.Mutex
	empty time.Time // when the bucket would be empty if no more came
}

func newIntroductions() *introductions {
	return &introductions{under: make(chan struct{}, maxIntroductions)}
}

// begin reports whether one more may begin. The caller ends it with end.
func (i *introductions) begin(now time.Time) bool {
	select {
	case i.under <- struct{}{}:
	default:
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	full := now.Add(time.Second)
	if i.empty.Before(now) || i.empty.After(full) { // the latter if the clock was set back
		i.empty = now
	}
	if i.empty = i.empty.Add(time.Second / introductionRate); i.empty.After(full) {
		i.empty = full
		i.end()
		return false
	}
	return true
}

func (i *introductions) end() { <-i.under }

// introduces reports whether the operation finds out by itself who asks.
func (c *Call) introduces() bool { return c.op != nil && c.op.introduce != nil }

// introduce is admit for a request that introduces itself, in no transaction. If it is
// signed all the same the signature must be good, though it is not what counts.
func (g *Gate) introduce(ctx context.Context, req *http.Request, call *Call, request *wire.Request, a admission) (in any, err error) {
	defer recovered(&err)
	if err := g.authenticateIfSigned(ctx, req, call, request, a.body); err != nil {
		return nil, err
	}
	call.Region = cmp.Or(call.Region, g.region)
	switch {
	case a.fault != nil:
		return nil, a.fault
	case len(a.body) > maxIntroduction:
		return nil, api.RequestEntityTooLarge.Newf("The request body is larger than %d bytes.", maxIntroduction)
	case !g.introductions.begin(call.Time):
		return nil, request.Service.Throttled().New("Rate exceeded")
	}
	defer g.introductions.end()
	if in, err = call.decode(request); err != nil {
		return in, err
	}
	who, err := call.op.introduce(ctx, call, in)
	if err != nil {
		return in, err
	}
	if who.Principal.Policies == nil {
		who.Principal.Policies = &policy.Set{}
	}
	call.introduced = true
	call.Principal, call.Account, call.prepared = who.Principal, who.Account, who.Facts
	return in, g.bounded(call)
}

// authenticateIfSigned verifies a signature that need not be there.
func (g *Gate) authenticateIfSigned(ctx context.Context, req *http.Request, call *Call, request *wire.Request, body []byte) error {
	_, err := sigv4.Parse(req)
	if fault, ok := errors.AsType[*sigv4.Error](err); ok && fault.Kind == sigv4.MissingToken {
		return nil
	}
	_, err = g.store.View(ctx, func(r kv.Reader) error { return g.authenticate(r, req, body, call, request) })
	return err
}

// Look reads the store in a snapshot of its own: what a row's Introduce needs to know.
// What it has read may be otherwise in the call's transaction, which comes after it, and
// during which it must not be called.
func (c *Call) Look(ctx context.Context, fn func(kv.Reader) error) error {
	if c.run != nil {
		return errors.New("a call looks into the store beside its own transaction")
	}
	_, err := c.gate.store.View(ctx, fn)
	return err
}
