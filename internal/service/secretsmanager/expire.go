// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// KindExpire is the kind of the jobs that DeleteSecret makes for the end of the
// recovery window. Service.Expirer does them.
const KindExpire = "sm-expire"

// expireLater has the secret erased at its DeletionDate.
func expireLater(tx kv.Tx, secret *Secret) error {
	return jobs.Enqueue(tx, KindExpire, secret.DeletionDate, []byte(kv.Key(secret.Account, secret.Region, keyName(secret.Name))))
}

// Expirer is the handler of KindExpire. It erases the secret of a name if its recovery
// window is over by the clock now, and leaves one alone that was restored, deleted anew
// with a later end, or created anew.
func (s *Service) Expirer(store kv.Store, now func() time.Time) jobs.Handler {
	return func(ctx context.Context, payload []byte) error {
		name := kv.Split(string(payload))
		if len(name) != 3 {
			return errors.New("not the name of a secret that was deleted")
		}
		_, err := store.Update(ctx, func(tx kv.Tx) error {
			secret, err := s.heads.Get(tx, name...)
			if err != nil || secret == nil || !secret.gone(now()) {
				return err
			}
			return s.erase(tx, now(), secret)
		})
		return err
	}
}

// erase deletes the head now, and the versions afterwards.
func (s *Service) erase(tx kv.Tx, now time.Time, secret *Secret) error {
	if err := s.heads.Delete(tx, secret.Account, secret.Region, keyName(secret.Name)); err != nil {
		return err
	}
	return eraseVersions(tx, now, secret)
}

// eraseVersions has the versions of a secret without a head erased, which may be more
// than a transaction takes.
func eraseVersions(tx kv.Tx, now time.Time, secret *Secret) error {
	if err := jobs.Erase(tx, now, valuesOf(secret)); err != nil {
		return err
	}
	return jobs.Erase(tx, now, placesOf(secret))
}
