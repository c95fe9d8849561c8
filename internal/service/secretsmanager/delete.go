// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"strconv"
	"strings"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The recovery window, in days (Secrets Manager API Reference, DeleteSecret).
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// remove schedules a secret's deletion, or deletes it at once.
func (s *Service) remove(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.DeleteSecretInput) (*sm.DeleteSecretOutput, error) {
	force := in.ForceDeleteWithoutRecovery != nil && *in.ForceDeleteWithoutRecovery
	window := int64(defaultWindow)
	if in.RecoveryWindowInDays != nil {
		window = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, sm.InvalidParameterException.New("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case window < minWindow || window > maxWindow:
		return nil, sm.InvalidParameterException.Newf("The RecoveryWindowInDays value must be between %d and %d days (inclusive).", minWindow, maxWindow)
	}
	secret, ref, err := s.lookup(tx, call, *in.SecretId)
	switch {
	case err != nil:
		return nil, err
	case secret == nil && force && !ref.elsewhere:
		return deletedBefore(call, ref), nil
	case secret == nil:
		return nil, errNotFound
	case secret.replica():
		return nil, errReplica
	case len(secret.Replicas) > 0:
		return nil, sm.InvalidParameterException.Newf("You can't delete secret %s that still has replica regions [%s].",
			secret.ARN, strings.Join(secret.regions(), ", "))
	case force:
		call.Event(secret.event("StartSecretVersionDelete"))
		call.Event(secret.event("EndSecretVersionDelete"))
		if err := secret.tellGone(tx, call); err != nil {
			return nil, err
		}
		return &sm.DeleteSecretOutput{ARN: &secret.ARN, Name: &secret.Name, DeletionDate: dated(call.Time)}, s.erase(tx, call.Time, secret)
	case !secret.Deleted.IsZero():
		return nil, sm.InvalidRequestException.New("You can't perform this operation on the secret because it was already scheduled for deletion.")
	}
	secret = secret.clone()
	secret.Changed, secret.Deleted = call.Time.UTC(), call.Time.UTC()
	secret.DeletionDate = call.Time.UTC().Add(time.Duration(window) * 24 * time.Hour)
	if err := expireLater(tx, secret); err != nil {
		return nil, err
	}
	call.Event(secret.event("StartSecretVersionDelete"))
	return &sm.DeleteSecretOutput{ARN: &secret.ARN, Name: &secret.Name, DeletionDate: dated(secret.DeletionDate)}, s.save(tx, call, secret)
}

// deletedBefore answers the forced deletion of a secret that is not there, which AWS
// takes for a repeated request. The suffix is not known any more.
func deletedBefore(call *gate.Call, ref reference) *sm.DeleteSecretOutput {
	return &sm.DeleteSecretOutput{ARN: new(strings.TrimSuffix(ref.missing(call), "-"+unknownSuffix)), Name: &ref.name, DeletionDate: dated(call.Time)}
}

// restore takes the deletion back. A secret that is not to be deleted stays as it is.
func (s *Service) restore(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.RestoreSecretInput) (*sm.RestoreSecretOutput, error) {
	secret, err := s.find(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if secret.replica() {
		return nil, errReplica
	}
	out := &sm.RestoreSecretOutput{ARN: &secret.ARN, Name: &secret.Name}
	if secret.Deleted.IsZero() {
		return out, nil
	}
	secret = secret.clone()
	secret.Changed, secret.Deleted, secret.DeletionDate = call.Time.UTC(), time.Time{}, time.Time{}
	call.Event(secret.event("CancelSecretVersionDelete"))
	if err := s.plan(tx, call, secret); err != nil {
		return nil, err
	}
	return out, s.save(tx, call, secret)
}

// askedDelete has the condition keys of DeleteSecret. A secret that is not deleted at
// once waits for the default window if the request has none.
func askedDelete(in *sm.DeleteSecretInput, key string) ([]string, bool) {
	force := is(in.ForceDeleteWithoutRecovery, false)
	switch {
	case key == "secretsmanager:forcedeletewithoutrecovery":
		return []string{strconv.FormatBool(force)}, true
	case key != "secretsmanager:recoverywindowindays":
		return nil, false
	case in.RecoveryWindowInDays != nil:
		return []string{strconv.FormatInt(*in.RecoveryWindowInDays, 10)}, true
	}
	return []string{strconv.Itoa(defaultWindow)}, !force
}
