// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The aliases of the AWS managed keys that other services encrypt under by default.
const (
	AliasSecretsManager = reservedPrefix + "secretsmanager"
	AliasSSM            = reservedPrefix + "ssm"
)

// managedKeys are the predefined aliases in order, with the descriptions that AWS
// gives their keys.
var managedKeys = []struct{ alias, description string }{
	{AliasSecretsManager, "Default key that protects my Secrets Manager data when no other key is defined"},
	{AliasSSM, "Default key that protects my SSM Parameters when no other key is defined"},
}

func isPredefined(alias string) bool {
	for _, m := range managedKeys {
		if m.alias == alias {
			return true
		}
	}
	return false
}

// EnsureManaged returns the id of the account's AWS managed key behind an alias such
// as AliasSecretsManager, making it on first use, as AWS does.
func (s *Service) EnsureManaged(tx kv.Tx, call *gate.Call, alias string) (string, error) {
	old, err := s.aliases.Get(tx, call.Account, call.Region, alias)
	if err != nil {
		return "", err
	}
	if old != nil {
		return old.KeyID, nil
	}
	material, err := keySpecs[kms.KeySpecSymmetricDefault].generate()
	if err != nil {
		return "", err
	}
	k := &Key{
		Account: call.Account, Region: call.Region, ID: newKeyID(false), Created: call.Time.UTC(),
		State: kms.KeyStateEnabled, Manager: kms.KeyManagerTypeAWS, Service: strings.TrimPrefix(alias, reservedPrefix),
		Spec: kms.KeySpecSymmetricDefault, Usage: kms.KeyUsageTypeEncryptDecrypt, Origin: kms.OriginTypeAWSKMS,
		Material: []Material{newMaterial(material, call.Time.UTC())},
	}
	for _, m := range managedKeys {
		if m.alias == alias {
			k.Description = m.description
		}
	}
	if err := s.putKey(tx, k); err != nil {
		return "", err
	}
	return k.ID, s.putAlias(tx, call, &Alias{Name: alias, KeyID: k.ID, Created: k.Created, Updated: k.Created})
}
