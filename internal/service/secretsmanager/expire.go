// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// kindExpire is the kind of the jobs that DeleteSecret makes for the end of the
// recovery window.
const kindExpire = "sm-expire"

// expireLater has the secret erased at its DeletionDate.
func expireLater(tx kv.Tx, secret *Secret) error {
	return jobs.Enqueue(tx, kindExpire, secret.DeletionDate, []byte(kv.Key(secret.Account, secret.Region, keyName(secret.Name))))
}

// expire does such a job. It erases the secret of a name if its recovery window is over,
// and leaves one alone that was restored, deleted anew with a later end, or created anew.
func (s *Service) expire(ctx context.Context, payload []byte) error {
	name := kv.Split(string(payload))
	if len(name) != 3 {
		return errors.New("not the name of a secret that was deleted")
	}
	actor := gate.Actor{Service: sm.Service, Account: name[0], Region: name[1]}
	return s.gate.Act(ctx, actor, func(_ context.Context, tx kv.Tx, call *gate.Call) error {
		secret, err := s.heads.Get(tx, name...)
		if err != nil || secret == nil || !secret.gone(call.Time) {
			return err
		}
		call.Event(secret.event("EndSecretVersionDelete"))
		return s.erase(tx, call.Time, secret)
	})
}

// event is something that happens to the secret outside of a call about it.
func (s *Secret) event(name string) gate.Event {
	return gate.Event{Name: name, Target: gate.Target{ARN: s.ARN, Type: resourceType}, Details: map[string]string{"SecretId": s.ARN}}
}

// erase deletes the head now, and the versions, which may be more than a transaction
// takes, afterwards. Every head that leaves the store is erased here.
func (s *Service) erase(tx kv.Tx, now time.Time, secret *Secret) error {
	if err := s.heads.Delete(tx, secret.Account, secret.Region, keyName(secret.Name)); err != nil {
		return err
	}
	if err := tx.Delete(createdKey(secret)); err != nil {
		return err
	}
	if secret.Policed {
		if err := s.erasePolicy(tx, secret); err != nil {
			return err
		}
	}
	if err := jobs.Erase(tx, now, valuesOf(secret)); err != nil {
		return err
	}
	return jobs.Erase(tx, now, placesOf(secret))
}
