// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"maps"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// EventChange is the detail type of the event that tells that a secret's labels are on
// other versions than before, or that it can no longer be read, or can again: that whoever
// holds its value is to ask for it anew. AWS tells of this only what CloudTrail records.
const EventChange = "Secret Value Change"

// The operations that such an event tells of.
const (
	ChangeCreate  = "Create"
	ChangeUpdate  = "Update"
	ChangeDelete  = "Delete"
	ChangeRestore = "Restore"
)

// Change is the detail of such an event.
type Change struct {
	Operation string `json:"operation"`
	Name      string `json:"name"`
	// VersionID is the current version's. It is empty of a secret that has none, or is
	// deleted.
	VersionID string `json:"versionId,omitzero"`
}

// tell publishes what of a secret's value is about to change, if anything is. It comes
// before the head is kept.
func (s *Service) tell(tx kv.Tx, call *gate.Call, secret *Secret) error {
	old, err := s.heads.Get(tx, secret.Account, secret.Region, keyName(secret.Name))
	if err != nil {
		return err
	}
	change := Change{Name: secret.Name, Operation: ChangeUpdate}
	switch {
	case old == nil || old.UID != secret.UID:
		change.Operation = ChangeCreate
	case old.Deleted.IsZero() != secret.Deleted.IsZero() && secret.Deleted.IsZero():
		change.Operation = ChangeRestore
	case old.Deleted.IsZero() != secret.Deleted.IsZero():
		return secret.tellGone(tx, call)
	case maps.Equal(old.Versions.readable(), secret.Versions.readable()):
		return nil
	}
	change.VersionID, _ = secret.Versions.holder(stageCurrent)
	return secret.publish(tx, call, change)
}

// tellGone publishes that a secret can't be read any more.
func (s *Secret) tellGone(tx kv.Tx, call *gate.Call) error {
	return s.publish(tx, call, Change{Operation: ChangeDelete, Name: s.Name})
}

func (s *Secret) publish(tx kv.Tx, call *gate.Call, change Change) error {
	return call.InAccount(s.Account).In(s.Region).PublishOwn(tx, EventChange, change, s.ARN)
}

// readable returns the version of each label that a value is read by. A version that a
// rotation is still making is nobody's yet.
func (v Versions) readable() map[string]string {
	held := map[string]string{}
	for id, version := range v {
		for _, stage := range version.Stages {
			if stage != stagePending {
				held[stage] = id
			}
		}
	}
	return held
}
