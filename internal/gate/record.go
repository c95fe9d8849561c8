// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// records returns the audit lines of the call: those of the calls it made, then its
// own, then those of its events.
func (c *Call) records(in, out any, err error) [][]byte {
	return append(append(c.nestedLines(err), c.record(in, out, err)), c.eventLines(err)...)
}

// traces is records for a call without a request.
func (c *Call) traces(err error) [][]byte { return append(c.nestedLines(err), c.eventLines(err)...) }

// nestedLines are those of the calls that the call made. What one of them wrote is
// undone when the call failed, and its line says so.
func (c *Call) nestedLines(err error) (lines [][]byte) {
	if c.run == nil {
		return nil
	}
	for _, n := range c.run.nested {
		if n.err == nil && err != nil && n.call.op.writes {
			n.out, n.err = nil, err
		}
		lines = append(lines, n.call.record(n.in, n.out, n.err))
	}
	return lines
}

// eventLines are those of what happened. When the call failed, it did not.
func (c *Call) eventLines(err error) (lines [][]byte) {
	if c.run == nil || err != nil {
		return nil
	}
	for _, e := range c.run.events {
		lines = append(lines, e.record())
	}
	return lines
}

// resource is a target as records list it.
func (c *Call) resource(t Target) audit.Resource {
	return audit.Resource{ARN: t.ARN, Type: t.Type, AccountID: c.owner(t)}
}

// The room that most lines, and most calls' parameters in them, have enough of, in bytes.
const (
	usualLine       = 1536
	usualParameters = 256
)

// record is the call's own audit line, in CloudTrail's form. Sensitive members are
// in neither the parameters nor the response.
func (c *Call) record(in, out any, err error) []byte {
	e := audit.Event{
		UserIdentity:       c.identity(),
		EventTime:          c.Time,
		AWSRegion:          c.Region,
		UserAgent:          c.UserAgent,
		RequestID:          c.RequestID,
		EventID:            NewID(),
		RecipientAccountID: c.Account,
	}
	if c.Principal != nil && !c.introduced {
		e.RecipientAccountID = c.Principal.Account
	}
	if c.SourceIP.IsValid() {
		e.SourceIPAddress = c.SourceIP.String()
	}
	if c.service != nil {
		e.EventSource, e.EventName = c.service.EventSource(), c.operation
	}
	e.ReadOnly = c.op == nil || !c.op.writes || c.op.access.readOnly()
	if c.Via != "" {
		service, _, _ := strings.Cut(c.Via, ".")
		via := service + ".amazonaws.com"
		e.UserIdentity.InvokedBy, e.SourceIPAddress, e.UserAgent = via, via, via
	}
	if in != nil {
		e.RequestParameters = api.AppendAudit(make([]byte, 0, usualParameters), in)
	}
	if out != nil && (!e.ReadOnly || c.op.answers) {
		e.ResponseElements = api.AppendAudit(nil, out)
	}
	if err != nil {
		answer := c.answer(err)
		e.ErrorCode, e.ErrorMessage = answer.Code, answer.Message
	}
	if c.run != nil && c.run.refused != nil && e.ErrorCode == c.service.Denied().Code {
		e.AdditionalEventData = c.run.refused.additional()
	}
	if c.run != nil {
		for _, t := range c.run.targets {
			e.Resources = append(e.Resources, c.resource(t))
		}
	}
	return e.AppendJSON(make([]byte, 0, usualLine))
}

// identity is CloudTrail's userIdentity of the caller, as far as it is known: a
// call that failed before its signature was verified has the claimed access key only.
func (c *Call) identity() audit.UserIdentity {
	id := audit.UserIdentity{AccessKeyID: c.accessKey}
	p := c.Principal
	if p == nil {
		id.Type = "Unknown"
		return id
	}
	id.PrincipalID, id.ARN, id.AccountID, id.UserName = p.UserID, p.ARN, p.Account, p.UserName
	switch p.Type {
	case policy.Root:
		id.Type = "Root"
	case policy.User:
		id.Type = "IAMUser"
	case policy.AssumedRole:
		id.Type = "AssumedRole"
	case policy.FederatedUser:
		id.Type = "FederatedUser"
	case policy.WebIdentity:
		id.Type, id.IdentityProvider = "WebIdentityUser", p.Issuer
	}
	if s := p.Session; s != nil {
		id.SessionContext = s.context(p)
	}
	return id
}

// context is CloudTrail's sessionContext. It names an issuer unless the session is a
// user's or the root's own, and so has their name already.
func (s *Session) context(p *Principal) *audit.SessionContext {
	context := &audit.SessionContext{
		Attributes: audit.SessionAttributes{CreationDate: s.Created}, SourceIdentity: s.SourceIdentity,
	}
	if p.Type == policy.AssumedRole || p.Type == policy.FederatedUser {
		context.SessionIssuer = &audit.SessionIssuer{
			Type: s.Issuer.Type, PrincipalID: s.Issuer.ID, ARN: s.Issuer.ARN, AccountID: p.Account, UserName: s.Issuer.Name,
		}
	}
	if s.Provider != "" {
		context.WebIDFederationData = &audit.WebIDFederationData{FederatedProvider: s.Provider}
	}
	return context
}
