// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// put makes a new version, current unless the request names other labels.
func (s *Service) put(ctx context.Context, tx kv.Tx, call *gate.Call, in *sm.PutSecretValueInput) (*sm.PutSecretValueOutput, error) {
	if in.ClientRequestToken == nil {
		return nil, errNoToken
	}
	c, err := contentOf(call, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if c.IsZero() {
		return nil, sm.InvalidRequestException.New("You must provide either SecretString or SecretBinary.")
	}
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	v := version{secret, *in.ClientRequestToken}
	if err := secret.provenBy(in.RotationToken, v.id); err != nil {
		return nil, err
	}
	done, err := s.repeated(ctx, tx, call, v, c)
	if err != nil {
		return nil, err
	}
	if !done {
		stages := in.VersionStages
		if len(stages) == 0 {
			stages = []string{stageCurrent}
		}
		if err := s.makeWay(tx, call, v, stages); err != nil {
			return nil, err
		}
		if err := s.addVersion(ctx, tx, call, v, c, stages); err != nil {
			return nil, err
		}
		if err := s.save(tx, call, secret); err != nil {
			return nil, err
		}
	}
	return &sm.PutSecretValueOutput{
		ARN: &secret.ARN, Name: &secret.Name, VersionId: &v.id, VersionStages: secret.Versions[v.id].Stages,
	}, nil
}

// update changes what the request has: description, KMS key, type, value.
func (s *Service) update(ctx context.Context, tx kv.Tx, call *gate.Call, in *sm.UpdateSecretInput) (*sm.UpdateSecretOutput, error) {
	if in.ClientRequestToken == nil {
		return nil, errNoToken
	}
	c, err := contentOf(call, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	secret, err := s.changeAny(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if secret.replica() {
		return s.updateReplica(ctx, tx, call, secret, in)
	}
	if in.Description != nil {
		secret.Description = *in.Description
	}
	if in.Type != nil {
		secret.Type = *in.Type
	}
	if in.KmsKeyId != nil {
		if err := s.changeKey(ctx, tx, call, secret, *in.KmsKeyId); err != nil {
			return nil, err
		}
	}
	out := &sm.UpdateSecretOutput{ARN: &secret.ARN, Name: &secret.Name}
	if !c.IsZero() {
		out.VersionId = in.ClientRequestToken
		v := version{secret, *in.ClientRequestToken}
		done, err := s.repeated(ctx, tx, call, v, c)
		if err != nil {
			return nil, err
		}
		if !done {
			stages := []string{stageCurrent}
			if err := s.makeWay(tx, call, v, stages); err != nil {
				return nil, err
			}
			if err := s.addVersion(ctx, tx, call, v, c, stages); err != nil {
				return nil, err
			}
		}
	}
	return out, s.save(tx, call, secret)
}

func (s *Service) changeKey(ctx context.Context, tx kv.Tx, call *gate.Call, secret *Secret, id string) error {
	name := keyNamed(call, id)
	if name == secret.KMSKey {
		return nil
	}
	secret.KMSKey = name
	if err := s.validateKey(ctx, tx, call, secret); err != nil {
		return err
	}
	return s.reencrypt(ctx, tx, call, secret)
}

// askedUpdate has the condition keys of UpdateSecret but for the KMS key's ARN.
func askedUpdate(in *sm.UpdateSecretInput, key string) ([]string, bool) {
	switch key {
	case "secretsmanager:description":
		return optional(in.Description)
	case "secretsmanager:kmskeyid":
		return optional(in.KmsKeyId)
	case "secretsmanager:type":
		return optional(in.Type)
	}
	return nil, false
}
