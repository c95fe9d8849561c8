// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"maps"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// eventChange is the detail type of what happened to a parameter by a call:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
const eventChange = "Parameter Store Change"

// The operations that such an event tells of.
const (
	changeCreate = "Create"
	changeUpdate = "Update"
	changeDelete = "Delete"
	changeLabel  = "LabelParameterVersion"
)

// change is the detail of such an event, in the form of the schema aws.ssm@ParameterStoreChange
// in EventBridge's registry.
type change struct {
	Operation   string `json:"operation"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitzero"`
	// Label is the label that was moved; the versions are text.
	Label       string `json:"label,omitzero"`
	FromVersion string `json:"fromVersion,omitzero"`
	ToVersion   string `json:"toVersion,omitzero"`
}

// tell publishes that something happened to a parameter.
func (p *Parameter) tell(tx kv.Tx, call *gate.Call, c change) error {
	c.Name, c.Type, c.Description = p.Name, p.Current.Type, p.Current.Description
	return call.Publish(tx, eventChange, c, parameterARN(call, p.key()))
}

// tellMoves publishes one event for each label that is on another version than before.
func (p *Parameter) tellMoves(tx kv.Tx, call *gate.Call, before map[string]int64) error {
	for _, label := range slices.Sorted(maps.Keys(p.Labels)) {
		from, to := before[label], p.Labels[label]
		if from == to {
			continue
		}
		c := change{Operation: changeLabel, Label: label, ToVersion: strconv.FormatInt(to, 10)}
		if from != 0 {
			c.FromVersion = strconv.FormatInt(from, 10)
		}
		if err := p.tell(tx, call, c); err != nil {
			return err
		}
	}
	return nil
}
