// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/limits"
)

// Call is one call on its way through the gate: what a handler may know of it. It
// belongs to one goroutine.
type Call struct {
	// RequestID names the call to the client, in the log and in the audit record.
	RequestID string
	// Time is the call's one instant, whatever the handler's runs take.
	Time time.Time
	// Region is the one that the request was signed for.
	Region string
	// Account is the one whose resources a plain name means: the caller's, unless the
	// call was taken elsewhere with InAccount.
	Account string
	// Principal is the caller.
	Principal *Principal
	// SourceIP and UserAgent are the client's, as far as the server trusts them.
	SourceIP  netip.Addr
	UserAgent string
	// Endpoint is the network endpoint that the call came through, as a proxy tells it
	// whose word is taken. Empty for none.
	Endpoint string
	// Secure says that the call came over TLS.
	Secure bool
	// Via is the service that makes a nested call for the caller:
	// "secretsmanager.eu-west-1.amazonaws.com". Empty for the caller's own call.
	Via string

	gate      *Gate
	service   *api.Service // that the request names, or nil
	operation string       // that the request names, bound or not
	op        *bound       // nil until it is known and bound
	accessKey string       // as the request claims it
	token     string       // of the session, as the request claims it
	verified  *Credential  // that the caller proved to have
	prepared  any          // what the row's Prepare made, or its Introduce found out
	// introduced says that the caller was introduced, and has no credential.
	introduced bool
	outer      *Call // that this one is nested in, or nil
	asking     bool  // what it may, and not to do it: see May
	// inquiry is what an explanation asks of calls that are not made. Nil for real ones.
	inquiry *inquiry
	// What follows is of one run of the transaction, and reset for the next.
	run *run
}

// run is what one run of a call's transaction leaves behind.
type run struct {
	decided bool
	targets []Target
	refused *Verdict // the last denial
	nested  []nested
	events  []event
	later   []later
	wait    *wait // nil for an answer to be given at once
}

// nested is a call that the call made, with what came of it.
type nested struct {
	call    *Call
	in, out any
	err     error
}

type later struct {
	key string
	fn  func(kv.Tx) error
}

// Partition is the call's AWS partition, which follows from its region.
func (c *Call) Partition() string {
	switch {
	case strings.HasPrefix(c.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(c.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// InAccount returns the call as one about the resources of an account, for a resource that the
// request names by an ARN of another: there its names are looked up, and its keys. The
// caller stays who it is, and every decision about what has another account's ARN is
// one across accounts.
func (c *Call) InAccount(account string) *Call {
	if account == c.Account {
		return c
	}
	there := *c
	there.Account = account
	return &there
}

// ARN returns the name of a resource in the call's account and region.
func (c *Call) ARN(service, resource string) string {
	return arn.ARN{Partition: c.Partition(), Service: service, Region: c.Region, Account: c.Account, Resource: resource}.String()
}

// Action is the operation's IAM action, such as "kms:Decrypt".
func (c *Call) Action() string { return c.op.service.Name + ":" + c.op.name }

// Operation is the name of the operation that the request asks for, served or not.
func (c *Call) Operation() string { return c.operation }

// Limits are the server's. A Call that did not come through a gate has AWS's size of a
// secret alone.
func (c *Call) Limits() limits.Limits {
	if c.gate == nil {
		return limits.Limits{SecretSize: limits.SecretSize}
	}
	return c.gate.limits
}

// Prepared is what the row's Prepare made for this call, or the facts that its Introduce
// found out, the same in every run of the transaction.
func (c *Call) Prepared() any { return c.prepared }

// Allowed asks whether the caller may do action on target, for handlers that
// leave out what the caller must not see.
func (c *Call) Allowed(action string, target Target) bool {
	return c.evaluate(action, target) == nil
}

// Authorize refuses with AccessDeniedException unless the caller may do action on
// target. Handlers with a PerItem row ask it for each item.
func (c *Call) Authorize(action string, target Target) error {
	return c.decide(action, target)
}

// Later asks for fn to run in a transaction some time after the call succeeded: for
// what a read may leave behind, such as the date of its last use. It writes a few keys,
// and may share its transaction with others' work. It is no part of the call: it is
// dropped when the server is busy or stops. Of several with one key that wait at once,
// one runs.
func (c *Call) Later(key string, fn func(kv.Tx) error) {
	c.run.later = append(c.run.later, later{key, fn})
}

// Invoke calls another operation for the same caller within the transaction of the
// call, as Secrets Manager calls KMS: it is validated, decided and audited as a
// call of its own, with Via set, unless it is one of the same service, which a caller
// might as well have called. Its audit record goes with the outer call's, whether that
// succeeds or not; its writes are kept only if it does.
func Invoke[In, Out any](ctx context.Context, c *Call, r kv.Reader, op api.Op[In, Out], in *In) (*Out, error) {
	out, err := c.invoke(ctx, r, op.Service, op.Name, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// invoke has no type parameters, so that it is compiled once.
func (c *Call) invoke(ctx context.Context, r kv.Reader, service *api.Service, name string, in any) (any, error) {
	inner := *c
	inner.service, inner.operation, inner.op, inner.run = service, name, c.gate.lookup(service, name), &run{}
	inner.prepared, inner.outer = nil, c
	if service != c.service {
		inner.Via = c.service.Name + "." + c.Region + ".amazonaws.com"
	}
	out, err := inner.attempt(ctx, r, in)
	c.run.nested = append(append(c.run.nested, inner.run.nested...), nested{&inner, in, out, err})
	if err == nil {
		c.run.events = append(c.run.events, inner.run.events...)
	}
	c.run.later = append(c.run.later, inner.run.later...)
	return out, err
}

// attempt is a nested call from its validation on.
func (c *Call) attempt(ctx context.Context, r kv.Reader, in any) (any, error) {
	if c.op == nil {
		return nil, c.service.NotImplemented(c.operation)
	}
	if err := c.op.validate(c, in); err != nil {
		return nil, err
	}
	if c.op.prepare != nil || c.op.introduce != nil {
		return nil, fmt.Errorf("%s begins outside of a transaction, and was called within one", c.op.name)
	}
	return c.execute(ctx, r, in)
}
