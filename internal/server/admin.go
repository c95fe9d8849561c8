// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"

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
		line, err := v.line(act, nil)
		if err != nil {
			return err
		}
		staged, err = v.Audit.Stage(tx, line)
		return err
	})
	if err != nil {
		return v.failed(ctx, act, err)
	}
	v.Audit.Committed(staged)
	return nil
}

// failed records that an act failed, and returns why.
func (v *Vault) failed(ctx context.Context, act *Act, failure error) error {
	line, err := v.line(act, failure)
	if err == nil {
		err = v.Audit.Append(ctx, line)
	}
	return errors.Join(failure, err)
}

// line is the act's audit record. Why it failed is said to whoever acted, and not in
// the record: it may quote a file.
func (v *Vault) line(act *Act, failure error) ([]byte, error) {
	details, err := json.Marshal(act.Details)
	if err != nil {
		return nil, err
	}
	e := audit.Event{
		UserIdentity: audit.UserIdentity{Type: "Unknown", AccountID: v.Config.Account, InvokedBy: "coffer " + act.By},
		EventTime:    v.now(), EventSource: "iam.amazonaws.com", EventName: act.Name,
		AWSRegion: v.Config.Region, SourceIPAddress: "coffer " + act.By, UserAgent: "coffer/" + Version,
		RequestParameters: details, EventID: gate.NewID(), EventType: audit.TypeServiceEvent, RecipientAccountID: v.Config.Account,
	}
	if failure != nil {
		e.ErrorCode = "ActFailed"
	}
	return e.AppendJSON(nil), nil
}
