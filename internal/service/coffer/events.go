// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package coffer serves the operations that AWS has no API for.
package coffer

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Bind binds the operations to the gate.
func Bind(g *gate.Gate, d *identity.Directory) {
	bindAccess(g, d)
	gate.Read(g, coffer.ListEvents, gate.Row[coffer.ListEventsInput]{
		Access: gate.AccessList, Targets: gate.Everything[coffer.ListEventsInput],
	}, listEvents)
	gate.Read(g, coffer.ListChanges, gate.Row[coffer.ListChangesInput]{Access: gate.AccessList, Open: true}, listChanges)
}

const (
	// defaultResults is how many events an answer has unless the request says otherwise.
	defaultResults = 100
	// maxExamined is how many events one call looks at. A source with few ends an answer
	// early, with a token to go on from.
	maxExamined = 2000
)

var errToken = api.ValidationException.New("NextToken: not one that ListEvents gave for this account and region.")

func listEvents(_ context.Context, r kv.Reader, call *gate.Call, in *coffer.ListEventsInput) (*coffer.ListEventsOutput, error) {
	at, err := start(call, in)
	if err != nil {
		return nil, err
	}
	limit := defaultResults
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &coffer.ListEventsOutput{Events: []string{}, More: new(false)}
	examined := 0
	for entry, err := range events.Read(r, call.Account, call.Region, at) {
		if err != nil {
			return nil, err
		}
		if len(out.Events) == limit || examined == maxExamined {
			*out.More = true
			break
		}
		examined++
		at = entry.Cursor
		if in.Source != nil && *in.Source != entry.Source {
			continue
		}
		text, err := json.Marshal(&entry.Event)
		if err != nil {
			return nil, fmt.Errorf("encoding event %s: %w", entry.ID, err)
		}
		out.Events = append(out.Events, string(text))
	}
	out.NextToken = new(call.PageToken(string(at)))
	if len(out.Events) == 0 && !*out.More && in.WaitTimeSeconds != nil && *in.WaitTimeSeconds > 0 {
		call.Await(events.Prefix(call.Account, call.Region), time.Duration(*in.WaitTimeSeconds)*time.Second)
	}
	return out, nil
}

// start is the place from which a request wants events.
func start(call *gate.Call, in *coffer.ListEventsInput) (events.Cursor, error) {
	switch {
	case in.NextToken != nil:
		at, ok := call.Cursor(*in.NextToken)
		if !ok {
			return "", errToken
		}
		return events.Cursor(at), nil
	case in.StartTime != nil:
		return events.At(in.StartTime.Time), nil
	}
	return "", nil
}
