// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Act is something that whoever holds the data directory does to it: there is no
// caller to authorise, but a record of it all the same.
type Act struct {
	// Name is the IAM action that does the same: "CreateAccessKey".
	Name string
	// By says where it came from: "command line" or "configuration file".
	By string
	// Details go into the record. They hold no secret.
	Details map[string]string
}

// Do runs fn in a transaction that the act's audit record is part of. fn may fill in
// the act's details.
func (v *Vault) Do(ctx context.Context, act *Act, fn func(kv.Tx) error) error {
	if err := v.Audit.Ready(); err != nil {
		return err
	}
	var staged audit.Staged
	_, err := v.Store.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		details, err := json.Marshal(act.Details)
		if err != nil {
			return err
		}
		e := audit.Event{
			UserIdentity: audit.UserIdentity{Type: "Unknown", AccountID: v.Config.Account, InvokedBy: "coffer " + act.By},
			EventTime:    time.Now(), EventSource: "iam.amazonaws.com", EventName: act.Name,
			AWSRegion: v.Config.Region, SourceIPAddress: "coffer " + act.By, UserAgent: "coffer/" + Version,
			RequestParameters: details, EventID: gate.NewID(), EventType: audit.TypeServiceEvent, RecipientAccountID: v.Config.Account,
		}
		staged, err = v.Audit.Stage(tx, e.AppendJSON(nil))
		return err
	})
	if err == nil {
		v.Audit.Committed(staged)
	}
	return err
}
