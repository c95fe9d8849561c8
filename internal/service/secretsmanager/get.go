// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"slices"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// get returns the value of a version, by default the current one.
func (s *Service) get(ctx context.Context, r kv.Reader, call *gate.Call, in *sm.GetSecretValueInput) (*sm.GetSecretValueOutput, error) {
	found, err := s.find(r, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if !found.Deleted.IsZero() {
		return nil, errDeleted
	}
	id, err := found.Versions.choose(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	v := version{found, id}
	value, err := s.load(r, v.shown())
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, errNoValue(in, id)
	}
	known, err := s.about(r, v, value.Created)
	if err != nil {
		return nil, err
	}
	if in.VersionStage != nil && !slices.Contains(known.Stages, *in.VersionStage) {
		return nil, sm.InvalidRequestException.New("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	c, err := s.open(ctx, r, call, v.shown(), value)
	if err != nil {
		return nil, err
	}
	s.accessed(call, v, known)
	out := &sm.GetSecretValueOutput{
		ARN: &found.ARN, Name: &found.Name, VersionId: &id,
		VersionStages: known.Stages, CreatedDate: dated(known.Created),
	}
	if c.binary {
		out.SecretBinary = secret.Blob{Value: c.Value}
	} else {
		out.SecretString = secret.Text{Value: c.Value}
	}
	return out, nil
}

// choose returns the id of the version that a request means by id or label.
func (v Versions) choose(id, stage *string) (string, error) {
	if id != nil {
		return *id, nil
	}
	label := stageCurrent
	if stage != nil {
		label = *stage
	}
	holder, held := v.holder(label)
	if !held {
		return "", errNoLabel(label)
	}
	return holder, nil
}

// shown is the version whose value this one shows.
func (v version) shown() version {
	if other := v.secret.Versions[v.id].Shows; other != "" {
		v.id = other
	}
	return v
}

// errNoValue is about a version that a request means and that is not there, or is empty.
func errNoValue(in *sm.GetSecretValueInput, id string) error {
	if in.VersionId == nil && in.VersionStage != nil {
		return errNoLabel(*in.VersionStage)
	}
	return errNoVersion(id)
}

func errNoLabel(label string) error {
	return sm.ResourceNotFoundException.New("Secrets Manager can't find the specified secret value for staging label: " + label)
}

func errNoVersion(id string) error {
	return sm.ResourceNotFoundException.New("Secrets Manager can't find the specified secret value for VersionId: " + id)
}

// askedGet has the condition keys of GetSecretValue. A request that names no version is
// for the current one, so that a policy can allow that one only.
func askedGet(in *sm.GetSecretValueInput, key string) ([]string, bool) {
	switch key {
	case "secretsmanager:versionid":
		return optional(in.VersionId)
	case "secretsmanager:versionstage":
		if in.VersionId == nil && in.VersionStage == nil {
			return []string{stageCurrent}, true
		}
		return optional(in.VersionStage)
	}
	return nil, false
}
