// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"strings"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// addVersion gives the secret a new version with that value and those labels. The
// caller saves the head.
func (s *Service) addVersion(ctx context.Context, tx kv.Tx, call *gate.Call, v version, c content, stages []string) error {
	value, err := s.seal(ctx, tx, call, v, c)
	if err != nil {
		return err
	}
	return s.enter(tx, v, value, stages)
}

// enter is addVersion with an encrypted value.
func (s *Service) enter(tx kv.Tx, v version, value *Value, stages []string) error {
	if v.secret.Versions == nil {
		v.secret.Versions = Versions{}
	}
	v.secret.Versions.add(v.id, Version{Created: value.Created, KMSKeys: value.kmsKeys()}, stages)
	if err := s.removeOutdated(tx, v.secret, value.Created); err != nil {
		return err
	}
	if v.secret.versions() > maxVersions {
		return sm.LimitExceededException.Newf("You can't have more than %d versions of a secret. "+
			"Versions without staging labels are removed when they are a day old.", maxVersions)
	}
	if err := v.secret.Versions.withinQuota(); err != nil {
		return err
	}
	return s.store(tx, v, value)
}

// withinQuota refuses more labels than there may be.
func (v Versions) withinQuota() error {
	if v.stages() > maxStages {
		return sm.LimitExceededException.Newf("You can't have more than %d staging labels attached across all versions of a secret.", maxStages)
	}
	return nil
}

// repeated says that a version has the token as its id and the same value, so that
// the request was done before. With another value the token is refused. As AWS does
// it, the values themselves are compared, for which the caller needs to be allowed to
// decrypt: a stored hash would tell a thief of the store which secrets are equal.
func (s *Service) repeated(ctx context.Context, r kv.Reader, call *gate.Call, v version, c content) (bool, error) {
	value, err := s.load(r, v)
	if err != nil || value == nil {
		return false, err
	}
	stored, err := s.open(ctx, r, call, v, value)
	if err != nil {
		return false, err
	}
	defer stored.Wipe()
	if stored.binary != c.binary || !stored.Equal(c.Value) {
		return false, sm.ResourceExistsException.Newf(
			"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", v.id, v.secret.ARN)
	}
	return true, nil
}

// accessed notes the day of an access, some time after the call. Known is what was
// known of the version before.
func (s *Service) accessed(call *gate.Call, v version, known Version) {
	today := day(call.Time)
	if v.secret.Accessed.Equal(today) && known.Accessed.Equal(today) {
		return
	}
	call.Later(strings.Join([]string{"accessed", v.secret.UID, v.id}, "/"), func(tx kv.Tx) error {
		return s.noteAccess(tx, v, today)
	})
}

// noteAccess notes the day of an access to what is now the version.
func (s *Service) noteAccess(tx kv.Tx, v version, today time.Time) error {
	secret, err := s.heads.Get(tx, v.secret.Account, v.secret.Region, keyName(v.secret.Name))
	if err != nil || secret == nil || secret.UID != v.secret.UID {
		return err
	}
	secret = secret.clone()
	if found, err := s.recall(tx, version{secret, v.id}); err != nil || !found {
		return err
	}
	now := secret.Versions[v.id]
	now.Accessed, secret.Accessed = later(now.Accessed, today), later(secret.Accessed, today)
	secret.Versions[v.id] = now
	return s.keep(tx, secret)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
