// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/secretsmanager"
)

const (
	// maxChangesExamined is how many events one call of ListChanges looks at: each may
	// take a decision.
	maxChangesExamined = 500
	// beforeNow is how long before now a token begins that is given where there is no
	// event: one that is being published may have an earlier time.
	beforeNow = time.Minute
	// goodFor is how long such a token is good for: less than events are kept. An answer
	// without events has a new one.
	goodFor = time.Hour
)

var errChangesToken = api.ValidationException.New("NextToken: not one that ListChanges gave for this account and region.")

func listChanges(ctx context.Context, r kv.Reader, call *gate.Call, in *coffer.ListChangesInput) (*coffer.ListChangesOutput, error) {
	at, ok, err := changesSince(r, call, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &coffer.ListChangesOutput{Changes: []coffer.Change{}, More: new(false), Reset: new(!ok && in.NextToken != nil)}
	if !ok {
		out.NextToken, err = changesFromNow(r, call)
		return out, err
	}
	limit := defaultResults
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	var found changes
	examined := 0
	for entry, err := range events.Read(r, call.Account, call.Region, at) {
		if err != nil {
			return nil, err
		}
		if len(found.all) == limit || examined == maxChangesExamined {
			*out.More = true
			break
		}
		examined++
		at = entry.Cursor
		change, err := changeOf(&entry.Event)
		if err != nil {
			return nil, err
		}
		if change != nil {
			found.add(*change)
		}
	}
	if out.Changes, err = found.readable(ctx, r, call); err != nil {
		return nil, err
	}
	if out.NextToken = new(call.PageToken(string(at))); examined == 0 {
		if _, empty := at.Time(); empty {
			out.NextToken, err = changesFromNow(r, call)
		}
	}
	if len(out.Changes) == 0 && !*out.More && in.WaitTimeSeconds != nil && *in.WaitTimeSeconds > 0 {
		call.Await(events.Prefix(call.Account, call.Region), time.Duration(*in.WaitTimeSeconds)*time.Second)
	}
	return out, err
}

// changesSince returns the place that a token stands for. It is not ok if there is no token,
// or events after it may have been erased.
func changesSince(r kv.Reader, call *gate.Call, token *string) (at events.Cursor, ok bool, err error) {
	if token == nil {
		return "", false, nil
	}
	place, ok := call.Cursor(*token)
	if !ok {
		return "", false, errChangesToken
	}
	at = events.Cursor(place)
	if t, empty := at.Time(); empty {
		age := call.Time.Sub(t)
		return at, age >= 0 && age < goodFor, nil
	}
	ok, err = events.Kept(r, call.Account, call.Region, at)
	return at, ok, err
}

// changesFromNow returns a token for what happens from now on.
func changesFromNow(r kv.Reader, call *gate.Call) (*string, error) {
	at, err := events.Last(r, call.Account, call.Region)
	if at == "" {
		at = events.At(call.Time.Add(-beforeNow))
	}
	return new(call.PageToken(string(at))), err
}

// changeOf returns what an event tells of a value, or nil.
func changeOf(e *events.Event) (*coffer.Change, error) {
	service := ""
	switch e.DetailType {
	case secretsmanager.EventChange:
		service = sm.Service.Name
	case "Parameter Store Change":
		service = ssm.Service.Name
	default:
		return nil, nil
	}
	var detail struct {
		Operation string `json:"operation"`
		Name      string `json:"name"`
		VersionID string `json:"versionId"`
	}
	if err := json.Unmarshal(e.Detail, &detail); err != nil || len(e.Resources) != 1 {
		return nil, fmt.Errorf("event %s: not what this version of Coffer writes", e.ID)
	}
	c := &coffer.Change{Service: &service, ARN: &e.Resources[0], Name: &detail.Name, Operation: &detail.Operation}
	if detail.VersionID != "" {
		c.VersionId = &detail.VersionID
	}
	return c, nil
}

// changes are the last change of each thing.
type changes struct{ all []coffer.Change }

// add takes a change in the place of an earlier one of the same thing.
func (c *changes) add(change coffer.Change) {
	for i := range c.all {
		if *c.all[i].ARN == *change.ARN {
			c.all = append(c.all[:i], c.all[i+1:]...)
			break
		}
	}
	c.all = append(c.all, change)
}

// readable returns those of what the caller may read.
func (c *changes) readable(ctx context.Context, r kv.Reader, call *gate.Call) ([]coffer.Change, error) {
	readable := []coffer.Change{}
	for _, change := range c.all {
		var allowed bool
		var err error
		if *change.Service == ssm.Service.Name {
			allowed, err = gate.May(ctx, call, r, ssm.GetParameter, &ssm.GetParameterInput{Name: change.ARN})
		} else {
			allowed, err = gate.May(ctx, call, r, sm.GetSecretValue, &sm.GetSecretValueInput{SecretId: change.ARN})
		}
		if err != nil {
			return nil, err
		}
		if allowed {
			readable = append(readable, change)
		}
	}
	return readable, nil
}
