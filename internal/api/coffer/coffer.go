// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package coffer declares the operations that AWS has no API for. They are called and
// authorised as AWS's are, with the signing name "coffer" and the actions "coffer:...",
// under a path of their own.
package coffer

import "github.com/coffer-secrets/coffer/internal/api"

// Service is the server itself.
var Service = &api.Service{
	Name:     "coffer",
	Title:    "Coffer",
	Protocol: api.JSON,
	Version:  "v1",
	Path:     "/coffer/v1/",
	Paths:    map[string]string{"login/aws": "LoginWithAWS"},
	Operations: []string{
		"ExplainAccess",
		"ListAccess",
		"ListChanges",
		"ListEvents",
		"LoginWithAWS",
	},
}

// ListEvents is the operation coffer:ListEvents: the events of the caller's account in
// the call's region, oldest first.
var ListEvents = api.Op[ListEventsInput, ListEventsOutput]{Service: Service, Name: "ListEvents"}

// MaxWait is how long ListEvents and ListChanges wait at most, in seconds: as long as a queue of SQS's.
const MaxWait = 20

// ListEventsInput is the request of ListEvents.
type ListEventsInput struct {
	// NextToken is that of the answer to go on from. Without one, events are listed from
	// StartTime on, and without both from the oldest.
	NextToken *string   `json:"NextToken,omitzero" aws:"len=1..4096"`
	StartTime *api.Time `json:"StartTime,omitzero"`
	// Source, if given, is the only source to list events of: "aws.ssm".
	Source *string `json:"Source,omitzero" aws:"len=1..256"`
	// MaxResults is how many events an answer has at most. It is 100 by default.
	MaxResults *int32 `json:"MaxResults,omitzero" aws:"range=1..100"`
	// WaitTimeSeconds is how long to wait for an event if there is none yet.
	WaitTimeSeconds *int32 `json:"WaitTimeSeconds,omitzero" aws:"range=0..20"`
}

// ListEventsOutput is the response of ListEvents.
type ListEventsOutput struct {
	// Events are JSON documents in EventBridge's envelope.
	Events []string `json:"Events,omitzero"`
	// NextToken goes on after the last event that was looked at. It is always there.
	NextToken *string `json:"NextToken,omitzero"`
	// More says that there may be more already.
	More *bool `json:"More,omitzero"`
}

// ListChanges is the operation coffer:ListChanges: which secrets and parameters of the
// caller's account, in the call's region, have changed since the last call, of those whose
// values the caller may get. It needs no permission but those for the values.
var ListChanges = api.Op[ListChangesInput, ListChangesOutput]{Service: Service, Name: "ListChanges"}

// ListChangesInput is the request of ListChanges.
type ListChangesInput struct {
	// NextToken is that of the answer to go on from. Without one there are no changes in
	// the answer, but a token to begin from.
	NextToken *string `json:"NextToken,omitzero" aws:"len=1..4096"`
	// MaxResults is how many changes an answer has at most. It is 100 by default.
	MaxResults *int32 `json:"MaxResults,omitzero" aws:"range=1..100"`
	// WaitTimeSeconds is how long to wait for a change if there is none yet.
	WaitTimeSeconds *int32 `json:"WaitTimeSeconds,omitzero" aws:"range=0..20"`
}

// ListChangesOutput is the response of ListChanges.
type ListChangesOutput struct {
	// Changes are in the order in which they happened, the last of each thing.
	Changes []Change `json:"Changes,omitzero"`
	// NextToken goes on after the last change that was looked at. It is always there.
	NextToken *string `json:"NextToken,omitzero"`
	// More says that there may be more already.
	More *bool `json:"More,omitzero"`
	// Reset says that the token was too old to tell: anything may have changed.
	Reset *bool `json:"Reset,omitzero"`
}

// Change says that somebody who has a value is to ask for it anew. It has no value in it.
type Change struct {
	// Service is secretsmanager or ssm.
	Service *string `json:"Service,omitzero"`
	ARN     *string `json:"ARN,omitzero"`
	Name    *string `json:"Name,omitzero"`
	// Operation is Create, Update, Delete or Restore, or LabelParameterVersion.
	Operation *string `json:"Operation,omitzero"`
	// VersionId is the id of a secret's current version.
	VersionId *string `json:"VersionId,omitzero"`
}
