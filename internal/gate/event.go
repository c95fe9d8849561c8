// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"

	"github.com/coffer-secrets/coffer/internal/audit"
)

// Event is something that a service does by itself, or after a call, and that has a
// record of its own in CloudTrail: an AwsServiceEvent such as RotationStarted.
type Event struct {
	// Name is CloudTrail's.
	Name string
	// Target is the resource that it is about.
	Target Target
	// Details are CloudTrail's additionalEventData. They hold no secret.
	Details map[string]string
	// ErrorCode and ErrorMessage say what failed. Empty when nothing did.
	ErrorCode, ErrorMessage string
}

// Event has an event recorded with the call, if the call succeeds.
func (c *Call) Event(e Event) { c.run.events = append(c.run.events, event{c, e}) }

// event is an Event with the call that it is part of.
type event struct {
	call *Call
	Event
}

// record is the event as a line of the audit log.
func (e event) record() []byte {
	source := e.call.service.EventSource()
	r := audit.Event{
		UserIdentity: audit.UserIdentity{Type: "AWSService", AccountID: e.call.Account, InvokedBy: source},
		EventTime:    e.call.Time, EventSource: source, EventName: e.Name, AWSRegion: e.call.Region,
		SourceIPAddress: source, UserAgent: source,
		ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
		RequestID: e.call.RequestID, EventID: NewID(),
		EventType: audit.TypeServiceEvent, RecipientAccountID: e.call.Account,
	}
	if len(e.Details) > 0 {
		r.AdditionalEventData, _ = json.Marshal(e.Details) // of strings, never fails
	}
	if e.Target.Type != "" {
		r.Resources = []audit.Resource{e.call.resource(e.Target)}
	}
	return r.AppendJSON(make([]byte, 0, usualLine))
}
