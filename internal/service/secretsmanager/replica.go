// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"slices"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// Replica is one region that a secret is replicated to, in the head of the primary.
type Replica struct {
	Region string
	// KMSKey is the replica's KMS key as it was named. Empty means aws/secretsmanager.
	KMSKey string `json:",omitzero"`
	// Status is one of StatusType. InProgress says that a job is to carry over what has
	// changed, and has not done so yet.
	Status  string
	Message string `json:",omitzero"`
	// Overwrite says that a secret of this name in the region gives way.
	Overwrite bool `json:",omitzero"`
	// As is who changed the primary last, on whose behalf the change is carried over.
	As gate.Forwarded `json:",omitzero"`
	// Job names the one job that is to be done. The others, which the store may still
	// have, are outdated.
	Job string `json:",omitzero"`
	// Failures is how often replication failed since it last succeeded.
	Failures int `json:",omitzero"`
}

// Origin is the primary of a replica, in the head of the replica.
type Origin struct{ Region, UID string }

// replica says that the secret is the replica of another one, and changes with that
// one only.
func (s *Secret) replica() bool { return s.Primary != nil }

// replicaOf says that the secret is a replica of that one.
func (s *Secret) replicaOf(primary Origin) bool { return s.replica() && *s.Primary == primary }

// origin is the secret as its replicas know it.
func (s *Secret) origin() Origin { return Origin{s.Region, s.UID} }

// replicaIn returns what the head of a primary has of a region, or nil.
func (s *Secret) replicaIn(region string) *Replica {
	i := slices.IndexFunc(s.Replicas, func(r Replica) bool { return r.Region == region })
	if i < 0 {
		return nil
	}
	return &s.Replicas[i]
}

// primaryRegion is where the primary is. It is empty for a secret without replicas,
// for which AWS does not show it.
func (s *Secret) primaryRegion() string {
	switch {
	case s.replica():
		return s.Primary.Region
	case len(s.Replicas) > 0:
		return s.Region
	}
	return ""
}

// regions are those that the secret is replicated to, in order.
func (s *Secret) regions() []string {
	names := make([]string, 0, len(s.Replicas))
	for _, r := range s.Replicas {
		names = append(names, r.Region)
	}
	return names
}

// replication shows the replicas, as they are now. It is nil if there are none.
func (s *Service) replication(r kv.Reader, primary *Secret) ([]sm.ReplicationStatusType, error) {
	var all []sm.ReplicationStatusType
	for _, known := range primary.Replicas {
		key := known.KMSKey
		if key == "" {
			key = kmsservice.AliasSecretsManager
		}
		shown := sm.ReplicationStatusType{
			Region: &known.Region, KmsKeyId: &key, Status: &known.Status, StatusMessage: unlessEmpty(known.Message),
		}
		replica, err := s.heads.Get(r, primary.Account, known.Region, keyName(primary.Name))
		if err != nil {
			return nil, err
		}
		if replica != nil && replica.replicaOf(primary.origin()) {
			shown.LastAccessedDate = dated(replica.Accessed)
		}
		all = append(all, shown)
	}
	return all, nil
}
