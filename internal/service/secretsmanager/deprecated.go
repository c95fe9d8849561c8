// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// tableDeprecated has the versions without labels, by account, region, the secret's
// UID, when they were made, and id: in the order of their age.
const tableDeprecated = "sm/deprecated"

// orderedTime is a time as text whose order is that of time.
const orderedTime = "2006-01-02T15:04:05.000000000Z"

// place is where a version is in the index, or would be without labels.
func (v version) place(created time.Time) []string {
	return []string{v.secret.Account, v.secret.Region, v.secret.UID, created.UTC().Format(orderedTime), v.id}
}

// placesOf is the prefix of the keys of a secret's entries in the index.
func placesOf(secret *Secret) string {
	return tableDeprecated + "/" + kv.Prefix(secret.Account, secret.Region, secret.UID)
}

// about returns what is known of a version that was made then: from the head if it has
// labels, else from the index.
func (s *Service) about(r kv.Reader, v version, created time.Time) (Version, error) {
	if found, labelled := v.secret.Versions[v.id]; labelled {
		return found, nil
	}
	found, err := s.deprecated.Get(r, v.place(created)...)
	if err != nil {
		return Version{}, err
	}
	if found == nil {
		return Version{}, fmt.Errorf("version %s of secret %s has a value, and is neither in the head nor in the index", v.id, v.secret.Name)
	}
	return *found, nil
}

// recall has a version among those of the head, whose labels can be moved. One that
// then gets no label is taken away by settle. It reports whether there is the version.
func (s *Service) recall(r kv.Reader, v version) (bool, error) {
	if _, labelled := v.secret.Versions[v.id]; labelled {
		return true, nil
	}
	value, err := s.load(r, v)
	if err != nil || value == nil {
		return false, err
	}
	found, err := s.about(r, v, value.Created)
	if err != nil {
		return false, err
	}
	found.indexed = true
	v.secret.Versions[v.id] = found
	return true, nil
}

// settle moves versions between head and index, as their labels are now.
func (s *Service) settle(tx kv.Tx, secret *Secret) error {
	for id, v := range secret.Versions {
		of := version{secret, id}
		switch {
		case len(v.Stages) == 0 && v.Empty:
			delete(secret.Versions, id)
		case len(v.Stages) == 0:
			entry := Version{Created: v.Created, Accessed: v.Accessed, KMSKeys: v.KMSKeys}
			if err := s.deprecated.Put(tx, &entry, of.place(v.Created)...); err != nil {
				return err
			}
			if !v.indexed {
				secret.Deprecated++
			}
			delete(secret.Versions, id)
		case v.indexed:
			if err := s.deprecated.Delete(tx, of.place(v.Created)...); err != nil {
				return err
			}
			secret.Deprecated--
			v.indexed = false
			secret.Versions[id] = v
		}
	}
	return nil
}

// removeOutdated removes deprecated versions beyond keptVersions that are old enough,
// the oldest first.
func (s *Service) removeOutdated(tx kv.Tx, secret *Secret, now time.Time) error {
	excess := min(secret.versions()-keptVersions, maxRemoved)
	if excess <= 0 {
		return nil
	}
	var outdated [][]string
	for item, err := range s.deprecated.Scan(tx, kv.Range{Prefix: placesOf(secret)}) {
		if err != nil {
			return err
		}
		if len(outdated) == excess || now.Sub(item.Value.Created) < keptFor {
			break
		}
		outdated = append(outdated, item.Segments)
	}
	for _, place := range outdated {
		if err := s.deprecated.Delete(tx, place...); err != nil {
			return err
		}
		if err := s.values.Delete(tx, secret.Account, secret.Region, secret.UID, place[len(place)-1]); err != nil {
			return err
		}
	}
	secret.Deprecated -= len(outdated)
	return nil
}
