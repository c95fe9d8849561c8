// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"slices"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// moveStage attaches a label to a version, moves it from one to another, or removes it.
func (s *Service) moveStage(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.UpdateSecretVersionStageInput) (*sm.UpdateSecretVersionStageOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := s.restage(tx, secret, in); err != nil {
		return nil, err
	}
	return &sm.UpdateSecretVersionStageOutput{ARN: &secret.ARN, Name: &secret.Name}, s.save(tx, call, secret)
}

// restage does what the request asks to a secret that is saved afterwards.
func (s *Service) restage(r kv.Reader, secret *Secret, in *sm.UpdateSecretVersionStageInput) error {
	for _, id := range []*string{in.MoveToVersionId, in.RemoveFromVersionId} {
		if id == nil {
			continue
		}
		if found, err := s.recall(r, version{secret, *id}); err != nil {
			return err
		} else if !found {
			return errNoVersion(*id)
		}
	}
	if to := value(in.MoveToVersionId); secret.Versions[to].Empty && !slices.Contains(secret.Versions[to].Stages, *in.VersionStage) {
		return errNoVersion(to)
	}
	if in.MoveToVersionId == nil {
		return secret.Versions.detach(*in.VersionStage, in.RemoveFromVersionId)
	}
	return secret.Versions.reattach(*in.VersionStage, *in.MoveToVersionId, in.RemoveFromVersionId)
}

// reattach moves a label to a version. The caller has to name the version that loses
// it, so that of two who move it at once one is refused. A label that is there already
// stays there, so that a request may be repeated.
func (v Versions) reattach(stage, to string, from *string) error {
	holder, held := v.holder(stage)
	switch {
	case held && holder == to:
		return nil
	case held && from == nil:
		return sm.InvalidParameterException.Newf("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, "+
			"so you must explicitly reference that version in RemoveFromVersionId.", stage, holder)
	case from != nil && (!held || holder != *from):
		return sm.InvalidParameterException.Newf("When you move staging label %s, if you specify RemoveFromVersionId, "+
			"it must be set to the version that currently has the staging label %s.", stage, stage)
	}
	v.move(stage, to)
	return v.withinQuota()
}

// detach removes a label.
func (v Versions) detach(stage string, from *string) error {
	if from == nil {
		return sm.InvalidParameterException.New("You must specify MoveToVersionId, RemoveFromVersionId, or both.")
	}
	if holder, held := v.holder(stage); !held || holder != *from {
		return sm.InvalidParameterException.Newf("Staging label %s isn't attached to version %s.", stage, *from)
	}
	if stage == stageCurrent {
		return sm.InvalidParameterException.New("You can only move staging label AWSCURRENT to a different secret version. " +
			"It can\u2019t be completely removed.")
	}
	v.take(stage, *from)
	return nil
}

// askedMove has the condition key of UpdateSecretVersionStage.
func askedMove(in *sm.UpdateSecretVersionStageInput, key string) ([]string, bool) {
	if key != "secretsmanager:versionstage" {
		return nil, false
	}
	return optional(in.VersionStage)
}
