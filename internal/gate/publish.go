// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Publish writes an event of the service's within tx, for whoever watches what happens in
// the call's account and region: the change that it tells of and the event are kept
// together, or not at all. Detail becomes a JSON object, and holds no secret. A Call that
// did not come through a gate publishes nothing.
func (c *Call) Publish(tx kv.Tx, detailType string, detail any, resources ...string) error {
	return c.publish(tx, "aws.", detailType, detail, resources)
}

// PublishOwn is Publish for an event that AWS's service has not.
func (c *Call) PublishOwn(tx kv.Tx, detailType string, detail any, resources ...string) error {
	return c.publish(tx, "coffer.", detailType, detail, resources)
}

func (c *Call) publish(tx kv.Tx, whose, detailType string, detail any, resources []string) error {
	if c.gate == nil || c.gate.events == nil {
		return nil
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("detail of the event %q: %w", detailType, err)
	}
	return c.gate.events.Publish(tx, events.Event{
		ID: NewID(), DetailType: detailType, Source: whose + c.service.Name,
		Account: c.Account, Region: c.Region, Time: c.Time, Resources: resources, Detail: text,
	})
}
