// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// records returns the audit lines of the call: those of the calls it made, then its
// own.
func (c *Call) records(in, out any, err error) [][]byte {
	var nested [][]byte
	if c.run != nil {
		nested = c.run.records
	}
	return append(nested[:len(nested):len(nested)], c.record(in, out, err))
}

// record is the call's own audit line, in CloudTrail's form. Sensitive members are
// in neither the parameters nor the response.
func (c *Call) record(in, out any, err error) []byte {
	e := audit.Event{
		UserIdentity:     c.identity(),
		Time:             c.Time,
		Region:           c.Region,
		UserAgent:        c.UserAgent,
		RequestID:        c.RequestID,
		EventID:          newID(),
		RecipientAccount: c.Account,
	}
	if c.SourceIP.IsValid() {
		e.SourceIP = c.SourceIP.String()
	}
	if c.op != nil {
		e.Source, e.Name, e.ReadOnly = c.op.service.EventSource(), c.op.name, c.op.access.readOnly()
	}
	if c.Via != "" {
		e.UserIdentity.InvokedBy = c.Via
		e.SourceIP, e.UserAgent = c.Via, c.Via
	}
	if in != nil {
		e.RequestParameters = api.AppendAudit(nil, in)
	}
	if out != nil && !e.ReadOnly {
		e.ResponseElements = api.AppendAudit(nil, out)
	}
	if err != nil {
		e.ErrorCode, e.ErrorMessage = internalFailure.Code, "the server could not do the request"
		if answer, ok := errors.AsType[*api.Error](err); ok {
			e.ErrorCode, e.ErrorMessage = answer.Code, answer.Message
		}
	}
	if c.run != nil {
		for _, t := range c.run.targets {
			e.Resources = append(e.Resources, audit.Resource{ARN: t.ARN, Type: t.Type, Account: c.Account})
		}
	}
	return e.AppendJSON(nil)
}

// identity is CloudTrail's userIdentity of the caller, as far as it is known: a
// call that failed before its signature was verified has the claimed access key only.
func (c *Call) identity() audit.Identity {
	id := audit.Identity{AccessKeyID: c.accessKey}
	p := c.Principal
	if p == nil {
		id.Type = "Unknown"
		return id
	}
	id.PrincipalID, id.ARN, id.Account, id.UserName = p.UserID, p.ARN, p.Account, p.UserName
	switch p.Type {
	case policy.Root:
		id.Type = "Root"
	case policy.User:
		id.Type = "IAMUser"
	case policy.AssumedRole:
		id.Type = "AssumedRole"
	}
	if s := p.Session; s != nil {
		id.Session = &audit.Session{
			IssuerARN: s.RoleARN, IssuerID: s.RoleID, IssuerName: s.RoleName, IssuerAccount: p.Account, Created: s.Created,
		}
	}
	return id
}
