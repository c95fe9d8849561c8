// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// mirror brings a replica to its primary's state: the head but for what is of the region,
// and each version with a label. A version that can't be read or encrypted is left out.
// If it is the current one, the replica stays as it is, so that there never is one whose
// current value is not one that the primary had.
func (s *Service) mirror(ctx context.Context, tx kv.Tx, call *gate.Call, m mirrored) error {
	replica, displaced, err := s.claim(tx, call, m)
	if err != nil {
		return err
	}
	// Both KMS keys are the secret's account's, and not always the caller's.
	values, fault := s.carry(ctx, tx, call.InAccount(call.Principal.Account), m.primary, replica)
	if fault != nil && !refused(fault) {
		return fault
	}
	if current, held := m.primary.Versions.holder(stageCurrent); held {
		if _, there := values[current]; !there {
			return fault
		}
	}
	if displaced != nil {
		call.In(m.Region).Event(displaced.event("EndSecretVersionDelete"))
		if err := displaced.tellGone(tx, call); err != nil {
			return err
		}
		if err := s.erase(tx, call.Time, displaced); err != nil {
			return err
		}
	}
	replica.describeAs(m.primary)
	if err := s.copyPolicy(tx, m.primary, replica); err != nil {
		return err
	}
	if err := s.restock(tx, m.primary, replica, values); err != nil {
		return err
	}
	if err := s.removeOutdated(tx, replica, call.Time); err != nil {
		return err
	}
	if err := s.tell(tx, call, replica); err != nil {
		return err
	}
	if err := s.keep(tx, replica); err != nil {
		return err
	}
	return fault
}

// claim returns a replica's head, to be changed and kept, and the head in its place that
// has to be erased, if there is one.
func (s *Service) claim(tx kv.Tx, call *gate.Call, m mirrored) (replica, displaced *Secret, err error) {
	old, err := s.heads.Get(tx, m.primary.Account, m.Region, keyName(m.primary.Name))
	if err != nil {
		return nil, nil, err
	}
	switch {
	case old == nil || old.gone(call.Time):
		displaced = old
	case old.replicaOf(m.primary.origin()):
		replica = old.clone()
		replica.KMSKey = m.KMSKey
		return replica, nil, nil
	case old.replica():
		return nil, nil, sm.ResourceExistsException.Newf("Secret name %s is currently replicated to %s with a different arn.", old.Name, m.Region)
	case !m.Overwrite || len(old.Replicas) > 0:
		return nil, nil, sm.ResourceExistsException.Newf("Secret name %s already exists in region %s.", old.Name, m.Region)
	default:
		displaced = old
	}
	name, err := arn.Parse(m.primary.ARN)
	if err != nil {
		return nil, nil, err
	}
	name.Region = m.Region
	return &Secret{
		Account: m.primary.Account, Region: m.Region, Name: m.primary.Name, UID: rand.Text(), ARN: name.String(),
		KMSKey: m.KMSKey, Created: call.Time.UTC(), Primary: new(m.primary.origin()),
	}, displaced, nil
}

// describeAs gives a replica what its primary has besides versions. Dates of access are
// each region's own.
func (s *Secret) describeAs(primary *Secret) {
	s.Description, s.Type, s.Tags = primary.Description, primary.Type, slices.Clone(primary.Tags)
	s.Changed = later(s.Changed, primary.Changed)
}

// copyPolicy gives a replica its primary's resource policy.
func (s *Service) copyPolicy(tx kv.Tx, primary, replica *Secret) error {
	from, err := s.resourcePolicy(tx, primary)
	if err != nil {
		return err
	}
	to, err := s.resourcePolicy(tx, replica)
	if err != nil {
		return err
	}
	replica.Policed = primary.Policed
	switch {
	case from != nil && (to == nil || to.Document != from.Document):
		return s.policies.Put(tx, &ResourcePolicy{Document: from.Document}, replica.Account, replica.Region, replica.UID)
	case from == nil && to != nil:
		return s.erasePolicy(tx, replica)
	}
	return nil
}

// carry returns the values that a replica is to have, as they are encrypted in its
// region, of the primary's versions with labels: nil for one that it has already. The
// error is the first that kept one from being there.
func (s *Service) carry(ctx context.Context, tx kv.Tx, call *gate.Call, primary, replica *Secret) (map[string]*Value, error) {
	var first error
	values := map[string]*Value{}
	for _, id := range slices.Sorted(maps.Keys(primary.Versions)) {
		if primary.Versions[id].Empty {
			continue // until the rotation that makes it has given it a value
		}
		to := version{replica, id}
		old, err := s.load(tx, to)
		if err != nil {
			return nil, err
		}
		known := old != nil && old.Created.Equal(primary.Versions[id].Created)
		if known {
			values[id] = nil
		}
		if known && old.Keys[0].KMSKey == replica.KMSKey {
			continue
		}
		value, err := s.carryVersion(ctx, tx, call, version{primary, id}, to)
		switch {
		case err == nil:
			values[id] = value
		case !refused(err):
			return nil, err
		case first == nil:
			first = err
		}
	}
	return values, first
}

// carryVersion decrypts a value in the region of the call, and encrypts it in the other.
func (s *Service) carryVersion(ctx context.Context, tx kv.Tx, call *gate.Call, from, to version) (*Value, error) {
	value, err := s.load(tx, from)
	if err != nil {
		return nil, err
	}
	c, err := s.open(ctx, tx, call, from, value)
	if err != nil {
		return nil, err
	}
	defer c.Wipe()
	carried, err := s.seal(ctx, tx, call.In(to.secret.Region), to, c)
	if err != nil {
		return nil, err
	}
	carried.Created = value.Created
	return carried, nil
}

// restock gives a replica these versions, with the labels that they have in the primary.
// All others lose theirs.
func (s *Service) restock(tx kv.Tx, primary, replica *Secret, values map[string]*Value) error {
	if replica.Versions == nil {
		replica.Versions = Versions{}
	}
	for id, v := range replica.Versions {
		v.Stages = nil
		replica.Versions[id] = v
	}
	for id, value := range values {
		of := version{replica, id}
		if _, err := s.recall(tx, of); err != nil {
			return err
		}
		v := replica.Versions[id]
		if value != nil {
			if !v.Created.Equal(value.Created) { // new, or removed and made anew in the primary
				if err := s.unlist(tx, of); err != nil {
					return err
				}
				v = Version{}
			}
			v.Created, v.KMSKeys = value.Created, value.kmsKeys()
			if err := s.store(tx, of, value); err != nil {
				return err
			}
		}
		v.Stages = slices.Clone(primary.Versions[id].Stages)
		replica.Versions[id] = v
	}
	return nil
}

// unlist takes a version that recall had from the index out of it.
func (s *Service) unlist(tx kv.Tx, v version) error {
	known := v.secret.Versions[v.id]
	if !known.indexed {
		return nil
	}
	v.secret.Deprecated--
	return s.deprecated.Delete(tx, v.place(known.Created)...)
}
