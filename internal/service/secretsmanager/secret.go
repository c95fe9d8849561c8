// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// tableHeads has the heads, by account, region and name.
const tableHeads = "sm/secret"

// Secret is the record of one secret: its head.
type Secret struct {
	Account, Region, Name string
	// UID names this creation of the secret in the keys of its values.
	UID string
	// ARN is the secret's name in policies and answers. It ends with six characters
	// that another secret of the same name does not have.
	ARN string
	// CreateToken is the token that the secret was created with, by which a repeated
	// request is known.
	CreateToken string
	Description string `json:",omitzero"`
	// KMSKey is the key of new values as the caller named it. Empty means
	// aws/secretsmanager.
	KMSKey string `json:",omitzero"`
	// Type is the partner that holds a managed external secret.
	Type string `json:",omitzero"`
	// Tags are in the order in which they came. Nil means that there never were any,
	// which AWS shows otherwise than an empty list.
	Tags     []Tag `json:",omitzero"`
	Created  time.Time
	Changed  time.Time
	Accessed time.Time `json:",omitzero"` // the day, in UTC
	// Deleted is when the deletion was asked for, and DeletionDate the end of the
	// recovery window. Both are zero for an active secret.
	Deleted      time.Time `json:",omitzero"`
	DeletionDate time.Time `json:",omitzero"`
	// Rotation is nil for a secret that was never configured for it.
	Rotation *Rotation `json:",omitzero"`
	// Versions are those with labels, maxStages at most, so that the head stays small
	// whatever the number of all.
	Versions Versions `json:",omitzero"`
	// Policed says that the secret has a resource policy, which is a record of its own.
	Policed bool `json:",omitzero"`
	// Deprecated is the number of versions without labels, which the index has.
	Deprecated int `json:",omitzero"`
	// Replicas are in the order of their regions. A replica has none of its own.
	Replicas []Replica `json:",omitzero"`
	// Primary is set for a replica only.
	Primary *Origin `json:",omitzero"`
}

// Tag is one tag of a secret.
type Tag struct{ Key, Value string }

// suffixAlphabet is what AWS makes the ends of ARNs of.
const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

const suffixLen = 6

// newSuffix returns six random characters. They only have to differ from those of
// earlier secrets of the name, so that a remainder's slight bias does not matter.
func newSuffix() string {
	b := make([]byte, suffixLen)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	for i := range b {
		b[i] = suffixAlphabet[int(b[i])%len(suffixAlphabet)]
	}
	return string(b)
}

// clone returns a copy that shares nothing which changes: what the table returns is
// not to be changed.
func (s *Secret) clone() *Secret {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Versions = s.Versions.clone()
	c.Replicas = slices.Clone(s.Replicas)
	c.Rotation = s.Rotation.clone()
	return &c
}

// gone says that the recovery window is over.
func (s *Secret) gone(now time.Time) bool {
	return !s.DeletionDate.IsZero() && !now.Before(s.DeletionDate)
}

// keyName is a secret's name as a segment of a key. A slash would take three bytes
// there, and a long name's key more than there may be; no name has a colon.
func keyName(name string) string { return strings.ReplaceAll(name, "/", ":") }

// nameOfKey is the name that keyName was given.
func nameOfKey(segment string) string { return strings.ReplaceAll(segment, ":", "/") }

// head returns the secret of that name in the call's account and region, or nil.
func (s *Service) head(r kv.Reader, call *gate.Call, name string) (*Secret, error) {
	secret, err := s.heads.Get(r, call.Account, call.Region, keyName(name))
	if err != nil || secret == nil || secret.gone(call.Time) {
		return nil, err
	}
	return secret, nil
}

// save stores a new or changed head, tells of the change, and has it carried over to the
// replicas.
func (s *Service) save(tx kv.Tx, call *gate.Call, secret *Secret) error {
	if err := s.tell(tx, call, secret); err != nil {
		return err
	}
	for i := range secret.Replicas {
		if err := secret.announce(tx, call, &secret.Replicas[i]); err != nil {
			return err
		}
	}
	return s.keep(tx, secret)
}

// keep stores a new or changed head, and what it means for the indexes: every head that
// comes into the store is kept here. Replicas are not told: save is for what they have,
// too.
func (s *Service) keep(tx kv.Tx, secret *Secret) error {
	if err := s.settle(tx, secret); err != nil {
		return err
	}
	if err := enlist(tx, secret); err != nil {
		return err
	}
	return s.heads.Put(tx, secret, secret.Account, secret.Region, keyName(secret.Name))
}

// change returns a copy of the secret that an id means, to be changed and saved. One
// that waits for its deletion is refused, and so is a replica.
func (s *Service) change(tx kv.Tx, call *gate.Call, id string) (*Secret, error) {
	secret, err := s.changeAny(tx, call, id)
	if err == nil && secret.replica() {
		return nil, errReplica
	}
	return secret, err
}

// changeAny is change for a replica, too.
func (s *Service) changeAny(tx kv.Tx, call *gate.Call, id string) (*Secret, error) {
	secret, err := s.find(tx, call, id)
	if err != nil {
		return nil, err
	}
	if !secret.Deleted.IsZero() {
		return nil, errDeleted
	}
	secret = secret.clone()
	secret.Changed = call.Time.UTC()
	return secret, nil
}

// describe shows a secret that waits for its deletion, too.
func (s *Service) describe(_ context.Context, r kv.Reader, call *gate.Call, in *sm.DescribeSecretInput) (*sm.DescribeSecretOutput, error) {
	secret, err := s.find(r, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	replication, err := s.replication(r, secret)
	if err != nil {
		return nil, err
	}
	rotation := secret.Rotation.shown()
	return &sm.DescribeSecretOutput{
		ARN: &secret.ARN, Name: &secret.Name,
		Type: unlessEmpty(secret.Type), Description: unlessEmpty(secret.Description), KmsKeyId: unlessEmpty(secret.KMSKey),
		CreatedDate: dated(secret.Created), LastChangedDate: dated(secret.Changed),
		LastAccessedDate: dated(secret.Accessed), DeletedDate: dated(secret.DeletionDate),
		Tags: secret.tags(), VersionIdsToStages: secret.Versions.labelled(),
		PrimaryRegion: unlessEmpty(secret.primaryRegion()), ReplicationStatus: replication,
		RotationEnabled: rotation.enabled, RotationLambdaARN: rotation.function, RotationRules: rotation.rules,
		LastRotatedDate: rotation.last, NextRotationDate: rotation.next,
		ExternalSecretRotationMetadata: rotation.metadata, ExternalSecretRotationRoleArn: rotation.role,
	}, nil
}

// versions is the number of all versions.
func (s *Secret) versions() int { return len(s.Versions) + s.Deprecated }

// tags returns the tags as they are answered.
func (s *Secret) tags() []sm.Tag {
	if s.Tags == nil {
		return nil
	}
	tags := make([]sm.Tag, 0, len(s.Tags))
	for _, t := range s.Tags {
		tags = append(tags, sm.Tag{Key: &t.Key, Value: &t.Value})
	}
	return tags
}

// unlessEmpty is how AWS leaves members out that have no value.
func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func dated(t time.Time) *api.Time {
	if t.IsZero() {
		return nil
	}
	return new(api.NewTime(t))
}

// day is the resolution of dates of access.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// clone returns a copy whose entries can be changed.
func (v Versions) clone() Versions {
	c := maps.Clone(v)
	for id, version := range c {
		version.Stages = slices.Clone(version.Stages)
		version.KMSKeys = slices.Clone(version.KMSKeys)
		c[id] = version
	}
	return c
}
