// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	aliasPrefix = "alias/"
	// reservedPrefix begins the names of the aliases that AWS makes.
	reservedPrefix = "alias/aws/"
)

// maxAliases is how many aliases a key may have (AWS KMS Developer Guide, "Resource
// quotas": aliases per KMS key).
const maxAliases = 50

// maxAliasName is the longest name of an alias in characters (KMS API Reference,
// CreateAlias). Longer ones can be asked for, and name nothing.
const maxAliasName = 256

// Alias is the record of one alias. The name begins with "alias/".
type Alias struct {
	Name             string
	KeyID            string
	Created, Updated time.Time
}

// bindAliases binds the operations on aliases.
func (s *Service) bindAliases(g *gate.Gate) {
	gate.Write(g, kms.CreateAlias, gate.Row[kms.CreateAliasInput]{Access: gate.AccessWrite, Targets: s.createAliasTargets}, s.createAlias)
	gate.Write(g, kms.DeleteAlias, gate.Row[kms.DeleteAliasInput]{Access: gate.AccessWrite, Targets: s.deleteAliasTargets}, s.deleteAlias)
	gate.Read(g, kms.ListAliases, gate.Row[kms.ListAliasesInput]{
		Access: gate.AccessList, Targets: gate.Everything[kms.ListAliasesInput],
	}, s.listAliases)
}

func aliasTarget(call *gate.Call, name string) gate.Target {
	return gate.Target{ARN: call.ARN("kms", name), Type: "AWS::KMS::Alias"}
}

// createAliasTargets are the alias and the key: AWS asks for the permission on both
// (AWS KMS Developer Guide, "Controlling access to aliases").
func (s *Service) createAliasTargets(_ context.Context, r kv.Reader, call *gate.Call, in *kms.CreateAliasInput) ([]gate.Target, error) {
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	if strings.HasPrefix(*in.TargetKeyId, aliasPrefix) || strings.Contains(*in.TargetKeyId, ":"+aliasPrefix) {
		return nil, api.ValidationException.New("Aliases must refer to keys. Not aliases")
	}
	k, err := s.findKey(r, call, *in.TargetKeyId)
	key, err := targetOf(call, *in.TargetKeyId, k, err)
	alias := s.known(r, call, aliasTarget(call, *in.AliasName), conditions{})
	return []gate.Target{alias, s.known(r, call, key, conditions{key: k})}, err
}

func (s *Service) createAlias(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	k, err := s.findKey(tx, call, *in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if err := k.mutable(call); err != nil {
		return nil, err
	}
	old, err := s.aliases.Get(tx, call.Account, call.Region, *in.AliasName)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return nil, kms.AlreadyExistsException.Newf("An alias with the name %s already exists", call.ARN("kms", *in.AliasName))
	}
	n := 0
	for _, err := range s.aliasesOf.All(tx, "", call.Account, call.Region, k.ID) {
		if err != nil {
			return nil, err
		}
		if n++; n == maxAliases {
			return nil, kms.LimitExceededException.Newf("The key %s has %d aliases, the most that a key may have.", k.ARN(call), maxAliases)
		}
	}
	now := call.Time.UTC()
	return &kms.CreateAliasOutput{}, s.putAlias(tx, call, &Alias{Name: *in.AliasName, KeyID: k.ID, Created: now, Updated: now})
}

// putAlias stores a new alias and its place below its key.
func (s *Service) putAlias(tx kv.Tx, call *gate.Call, a *Alias) error {
	if err := s.aliasesOf.Put(tx, &struct{}{}, call.Account, call.Region, a.KeyID, a.Name); err != nil {
		return err
	}
	return s.aliases.Put(tx, a, call.Account, call.Region, a.Name)
}

// deleteAliasTargets are the alias and, if there is one, its key.
func (s *Service) deleteAliasTargets(_ context.Context, r kv.Reader, call *gate.Call, in *kms.DeleteAliasInput) ([]gate.Target, error) {
	if err := checkAlias(*in.AliasName); err != nil {
		return nil, err
	}
	targets := []gate.Target{s.known(r, call, aliasTarget(call, *in.AliasName), conditions{})}
	k, err := s.find(r, call, *in.AliasName)
	switch {
	case err == nil:
		targets = append(targets, s.known(r, call, k.target(call), conditions{key: k}))
	case !kms.NotFoundException.Is(err):
		return nil, err
	}
	return targets, nil
}

func (s *Service) deleteAlias(_ context.Context, tx kv.Tx, call *gate.Call, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	a, err := s.alias(tx, call, *in.AliasName)
	if err != nil {
		return nil, err
	}
	if err := s.aliasesOf.Delete(tx, call.Account, call.Region, a.KeyID, a.Name); err != nil {
		return nil, err
	}
	return &kms.DeleteAliasOutput{}, s.aliases.Delete(tx, call.Account, call.Region, a.Name)
}

// notAuthorized is AWS's answer to those who would make or delete an alias that is
// AWS's own. It has no message.
var notAuthorized = api.ErrorCode{Code: "NotAuthorizedException", Status: 400}

// checkAlias refuses a name that a customer's alias can't have. Its length and most of
// its characters are the validator's.
func checkAlias(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return api.ValidationException.New(`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case name == aliasPrefix:
		return api.ValidationException.New("Invalid identifier")
	case strings.Contains(name, ":"):
		return api.ValidationException.Newf("%s contains invalid characters for an alias", name)
	case strings.HasPrefix(name, reservedPrefix):
		return notAuthorized.New("")
	}
	return nil
}
