// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"slices"
	"strings"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// replicateTo has a secret replicated to more regions. A region that it is replicated
// to already is tried again, as the request now has it.
func (s *Service) replicateTo(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.ReplicateSecretToRegionsInput) (*sm.ReplicateSecretToRegionsOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := secret.addReplicas(tx, call, in.AddReplicaRegions, is(in.ForceOverwriteReplicaSecret, false)); err != nil {
		return nil, err
	}
	if err := s.keep(tx, secret); err != nil {
		return nil, err
	}
	status, err := s.replication(tx, secret)
	return &sm.ReplicateSecretToRegionsOutput{ARN: &secret.ARN, ReplicationStatus: status}, err
}

// addReplicas gives a secret that is kept afterwards more replicas, and has them made.
func (s *Secret) addReplicas(tx kv.Tx, call *gate.Call, asked []sm.ReplicaRegionType, overwrite bool) error {
	if err := s.checkRegions(call, asked); err != nil {
		return err
	}
	for _, a := range asked {
		if s.replicaIn(*a.Region) == nil {
			s.Replicas = append(s.Replicas, Replica{Region: *a.Region})
		}
		r := s.replicaIn(*a.Region)
		r.KMSKey, r.Overwrite, r.Failures = keyNamed(call.InAccount(s.Account).In(r.Region), value(a.KmsKeyId)), overwrite, 0
		if err := s.announce(tx, call, r); err != nil {
			return err
		}
	}
	slices.SortFunc(s.Replicas, func(a, b Replica) int { return strings.Compare(a.Region, b.Region) })
	return nil
}

// withdrawFrom has replicas deleted. AWS, too, does that after the call; and a region
// that has none is no error.
func (s *Service) withdrawFrom(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.RemoveRegionsFromReplicationInput) (*sm.RemoveRegionsFromReplicationOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, region := range in.RemoveReplicaRegions {
		r := secret.replicaIn(region)
		if r == nil {
			continue
		}
		if err := secret.enqueue(tx, r, call.Time); err != nil {
			return nil, err
		}
		secret.dropReplica(region)
	}
	if err := s.keep(tx, secret); err != nil {
		return nil, err
	}
	status, err := s.replication(tx, secret)
	if status == nil {
		status = []sm.ReplicationStatusType{}
	}
	return &sm.RemoveRegionsFromReplicationOutput{ARN: &secret.ARN, ReplicationStatus: status}, err
}

// askedReplicas has the condition keys of ReplicateSecretToRegions.
func askedReplicas(in *sm.ReplicateSecretToRegionsInput, key string) ([]string, bool) {
	switch key {
	case "secretsmanager:addreplicaregions":
		return askedRegions(in.AddReplicaRegions)
	case "secretsmanager:forceoverwritereplicasecret":
		return flag(in.ForceOverwriteReplicaSecret)
	}
	return nil, false
}

func (s *Secret) dropReplica(region string) {
	s.Replicas = slices.DeleteFunc(s.Replicas, func(r Replica) bool { return r.Region == region })
}

// promote makes a secret of its own of a replica.
func (s *Service) promote(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.StopReplicationToReplicaInput) (*sm.StopReplicationToReplicaOutput, error) {
	secret, err := s.find(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if !secret.replica() {
		return nil, sm.InvalidParameterException.New("Operation not permitted on a secret that is not a replica. Call must be made in the replica secret's region.")
	}
	replica := secret.clone()
	replica.Primary, replica.Changed = nil, call.Time.UTC()
	if err := s.keep(tx, replica); err != nil {
		return nil, err
	}
	return &sm.StopReplicationToReplicaOutput{ARN: &secret.ARN}, s.inPrimary(tx, secret, func(primary *Secret) {
		primary.dropReplica(secret.Region)
	})
}

// inPrimary changes what the head of a replica's primary has of the replica, if it has
// anything.
func (s *Service) inPrimary(tx kv.Tx, replica *Secret, change func(primary *Secret)) error {
	primary, err := s.heads.Get(tx, replica.Account, replica.Primary.Region, keyName(replica.Name))
	if err != nil || primary == nil || !replica.replicaOf(primary.origin()) || primary.replicaIn(replica.Region) == nil {
		return err
	}
	primary = primary.clone()
	change(primary)
	return s.keep(tx, primary)
}

// updateReplica is update for a replica, in which the KMS key is all that can be changed
// ("Promote a replica secret to a standalone secret").
func (s *Service) updateReplica(ctx context.Context, tx kv.Tx, call *gate.Call, replica *Secret, in *sm.UpdateSecretInput) (*sm.UpdateSecretOutput, error) {
	if in.KmsKeyId == nil || in.Description != nil || in.Type != nil || !in.SecretString.IsZero() || !in.SecretBinary.IsZero() {
		return nil, errReplica
	}
	if err := s.changeKey(ctx, tx, call, replica, *in.KmsKeyId); err != nil {
		return nil, err
	}
	if err := s.keep(tx, replica); err != nil {
		return nil, err
	}
	return &sm.UpdateSecretOutput{ARN: &replica.ARN, Name: &replica.Name}, s.inPrimary(tx, replica, func(primary *Secret) {
		primary.replicaIn(replica.Region).KMSKey = replica.KMSKey
	})
}
